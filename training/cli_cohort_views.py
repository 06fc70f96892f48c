"""What `rxplain import` and `rxplain check FOLDER` show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from training.cli_views import grid, next_step
from training.cohort_check import FolderCheck
from training.cohort_import import ImportedFolder
from training.import_options import OptionForm, Source, options_of

_MOST_NOTES = 12


@dataclass(frozen=True)
class Formats:
    """The formats of an import, and the options of each."""

    formats: Mapping[str, type[Source]]

    def document(self) -> object:
        """One entry a format."""
        return [
            {
                "format": name,
                "what": source.__doc__,
                "options": [
                    {
                        "name": form.name, "kind": form.expected, "what": form.what, "needed": form.is_needed,
                        "default": form.default, "choices": list(form.choices),
                    }
                    for form in options_of(source)
                ],
            }
            for name, source in self.formats.items()
        ]  # fmt: skip

    def table(self) -> RenderableType:
        """Each format with a row an option."""
        parts: list[RenderableType] = []
        for name, source in self.formats.items():
            table = grid("option", "default", "what")
            for form in options_of(source):
                table.add_row(form.name, _default(form), Text(_what(form)))
            parts += [Text.assemble("\n", (name, "bold"), f": {source.__doc__}"), table]
        step = next_step("rxplain import PLAN.toml --out FOLDER, or FILE --format NAME --option KEY=VALUE")
        return Group(*parts, Text(), step)


@dataclass(frozen=True)
class Imported:
    """A cohort folder that was written."""

    done: ImportedFolder

    def document(self) -> object:
        """Patients, facts by table, and by source what was read and noticed."""
        return asdict(self.done)

    def table(self) -> RenderableType:
        """A row a source, its notes, and the whole."""
        done = self.done
        sources = grid("format", "file", ">patients", "facts")
        notes: list[Text] = []
        for source in done.sources:
            sources.add_row(source.format, Text(source.path), f"{source.n_patients:,}", _facts(source.facts))
            shown, more = source.notes[:_MOST_NOTES], len(source.notes) - _MOST_NOTES
            notes += [Text(f"- {source.path}: {note}") for note in shown]
            notes += [Text(f"- {source.path}: {more} more notes; --json tells them all")] if more > 0 else []
        whole = f"{done.folder}: {done.n_patients:,} patients; {_facts(done.facts)}"
        return Group(sources, *notes, Text(), Text(whole), next_step(f"rxplain check {done.folder}"))


@dataclass(frozen=True)
class CheckedFolder:
    """A cohort folder in which no fault was found."""

    found: FolderCheck

    def document(self) -> object:
        """Patients, and shares by modality, fact and feature."""
        return asdict(self.found)

    def table(self) -> RenderableType:
        """What was recorded of how many."""
        found = self.found
        modalities = grid("modality", ">patients who have it")
        for name, share in found.modalities.items():
            modalities.add_row(name, f"{share:.1%}")
        facts = grid("fact", ">recorded for")
        for name, share in found.facts.items():
            facts.add_row(Text(name), f"{share:.1%}")
        features = grid("feature", ">usable for")
        for name, share in found.features.items():
            features.add_row(Text(name), f"{share:.1%}")
        rest = Text(f"{found.n_without:,} other features known here are usable for nobody.")
        said = Text(f"{found.folder}: {found.n_patients:,} patients, no fault found.")
        return Group(modalities, Text(), facts, Text(), features, rest, Text(), said)


def _facts(facts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in facts.items()) or "none"


def _default(form: OptionForm) -> str:
    if form.is_needed:
        return "needed"
    if isinstance(form.default, bool):
        return str(form.default).lower()
    if isinstance(form.default, tuple):
        return ", ".join(map(str, form.default))
    return "" if form.default is None else str(form.default)


def _what(form: OptionForm) -> str:
    return form.what + (f" ({', '.join(form.choices)})" if form.choices else "")

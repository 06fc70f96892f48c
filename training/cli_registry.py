"""What commands show of the registry: versions, aliases, and how the champion came to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from models.registry import StudyRecord
from training.cli_views import grid, next_step


@dataclass(frozen=True)
class Registered:
    """What one command changed, and how the registry stands now."""

    what: str
    version: int
    record: StudyRecord

    def document(self) -> object:
        """The version, its digest, and all aliases."""
        digests = {version.version: version.digest for version in self.record.versions}
        return {
            "study": self.record.study, "what": self.what, "version": self.version,
            "digest": digests[self.version], "aliases": self.record.aliases,
        }  # fmt: skip

    def table(self) -> RenderableType:
        """One sentence, and the aliases."""
        aliases = ", ".join(
            f"{alias} is version {number}" for alias, number in sorted(self.record.aliases.items())
        )
        study = self.record.study
        step = "rxplain serve" if "champion" in self.record.aliases else f"rxplain promote {study}"
        return Group(Text(f"{study}: {self.what} version {self.version}; {aliases}."), next_step(step))


@dataclass(frozen=True)
class Records:
    """All that is registered of some studies."""

    records: Sequence[StudyRecord]

    def document(self) -> object:
        """One entry a study."""
        return [asdict(record) for record in self.records]

    def table(self) -> RenderableType:
        """Versions and history of each study."""
        if not self.records:
            return Group(Text("Nothing is registered yet."), next_step("rxplain fit warfarin"))
        return Group(*(part for record in self.records for part in _parts(record)))


def _parts(record: StudyRecord) -> list[RenderableType]:
    versions = grid(">version", "alias", "digest", "published", "run", title=record.study)
    for version in record.versions:
        aliases = ", ".join(sorted(a for a, number in record.aliases.items() if number == version.version))
        versions.add_row(
            str(version.version), aliases, version.digest[:12], version.published, version.run_id or ""
        )
    history = grid("when", "what", ">version", ">before", "who", "why", title="history")
    for event in record.history:
        before = "" if event.before is None else str(event.before)
        history.add_row(
            event.when, event.what, str(event.version), before, Text(event.who), Text(event.reason)
        )
    return [versions, history] if record.history else [versions]

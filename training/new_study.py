"""A study's TOML for a cohort that nobody has described: what was found, and what somebody has to settle."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from features.errors import CohortError, Fault, SettingsError
from training.cohort_check import check_folder
from training.column_kinds import CATEGORY, FLAG, QUANTITY, Guess, guess, slug
from training.column_suspicions import is_site, looks_like_outcome, patient_id_of, suspicion
from training.found_columns import CLINICAL, GROUP, OUTCOME, FoundTable, find_columns
from training.new_columns import column_text, feature_names, outcome_column_text, quoted
from training.new_sections import closing_text, head_text, model_text, outcome_text, spec_text
from training.study_faults import UNSETTLED

_OPEN = {
    "tumour": "tumour.*.mutated",
    "expression": "expression.*.log2_tpm",
    "signature": "signature.*.score",
}
_LISTED = ("genotype", "medication")


@dataclass(frozen=True)
class NewStudy:
    """The study's text, where it was written, and what a person should look at.

    `suspicious` names the columns that are commented out, each with the reason; `to_settle` are the lines
    (from 1) that hold a `?`.
    """

    out: Path
    text: str
    n_patients: int
    outcome: str
    offered: tuple[str, ...]
    suspicious: tuple[tuple[str, str], ...]
    to_settle: tuple[int, ...]


@dataclass(frozen=True)
class _Roles:
    """Who is what among the columns."""

    patient_id: Guess | None
    outcome: Guess
    sites: tuple[Guess, ...]
    offered: tuple[Guess, ...]
    suspicious: tuple[tuple[Guess, str], ...]


def write_new_study(source: Path, out: Path, outcome: str | None = None) -> NewStudy:
    """Look at a cohort folder, a folder's table or a table, and write a study of it into a new file."""
    if out.suffix != ".toml":
        raise SettingsError("a study is a TOML file; give --out a name that ends with .toml")
    if out.exists():
        raise SettingsError(f"'{out.name}' is there already; name a new file")
    found = find_columns(source)
    roles = _roles(found, outcome)
    text = _text(found, roles, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    lines = enumerate(text.splitlines(), start=1)
    to_settle = (n for n, line in lines if f'"{UNSETTLED}"' in line and not line.startswith("#"))
    return NewStudy(
        out,
        text,
        found.n,
        roles.outcome.column.name,
        tuple(own.column.name for own in roles.offered),
        tuple((own.column.name, why) for own, why in roles.suspicious),
        tuple(to_settle),
    )


def _roles(found: FoundTable, asked: str | None) -> _Roles:
    guesses = [guess(column) for column in found.columns]
    patient_id = None if found.cohort is not None else patient_id_of(guesses)
    if found.cohort is None and patient_id is None:
        what, remedy = (
            "no column is filled and different in every row",
            "give each patient one row, and an id",
        )
        raise CohortError(f"{found.file} cannot be used", [Fault(found.file, what, remedy)])
    rest = [own for own in guesses if own is not patient_id]
    target = _outcome(rest, asked)
    sites = [own for own in rest if own is not target and _is_group(own)]
    inputs = [own for own in rest if own is not target and own not in sites]
    judged = [(own, _reason(own, target)) for own in _distinct(inputs)]
    return _Roles(
        patient_id,
        target,
        tuple(sites),
        tuple(own for own, why in judged if not why),
        tuple((own, why) for own, why in judged if why),
    )


def _is_group(own: Guess) -> bool:
    return own.column.section == GROUP or (not own.column.section and own.kind != QUANTITY and is_site(own))


def _reason(own: Guess, target: Guess) -> str:
    if own.column.section == OUTCOME:
        return "an outcome of the cohort"
    found = suspicion(own, target)
    is_plain = own.is_known_here or all(text == said for text, said in own.words.items())
    if found or own.kind != CATEGORY or own.column.section != CLINICAL or is_plain:
        return found
    return "has levels of fewer than 10 patients, or no plain names; list them as its categories to read it"


def _outcome(guesses: list[Guess], asked: str | None) -> Guess:
    """The outcome that was asked for, or the column that looks most like one."""
    if asked is not None:
        chosen = [own for own in guesses if own.column.name == asked]
    else:
        listed = [own for own in guesses if own.column.section == OUTCOME]
        named = [own for own in guesses if looks_like_outcome(own) and not own.column.section]
        chosen = [own for own in listed or named if own.kind in (QUANTITY, FLAG, CATEGORY)]
        chosen.sort(key=lambda own: own.kind == QUANTITY)
    if not chosen:
        what = (
            "no column looks like an outcome" if asked is None else "no column has the name given as outcome"
        )
        columns = ", ".join(own.column.name[:64] for own in guesses[:40])
        raise CohortError("no study can be written", [Fault("--outcome", what, f"name one of: {columns}")])
    if chosen[0].kind not in (QUANTITY, FLAG, CATEGORY):
        what, remedy = "holds dates, free text or nothing", "name a column of numbers, or of a few words"
        raise CohortError("no study can be written", [Fault("--outcome", what, remedy)])
    return chosen[0]


def _distinct(guesses: list[Guess]) -> list[Guess]:
    """The same columns with subjects of their own; known names go to the first that has them."""
    taken: dict[str, int] = {}
    found = []
    for own in guesses:
        n = taken[own.subject] = taken.get(own.subject, 0) + 1
        fields = vars(own) | {"subject": f"{own.subject}_{n}"}
        found.append(own if n == 1 else Guess(**{key: fields[key] for key in Guess.__dataclass_fields__}))
    return found


def _text(found: FoundTable, roles: _Roles, out: Path) -> str:
    site = slug(roles.sites[0].column.name) if roles.sites else ""
    folder = Path(os.path.relpath(found.folder, out.parent)).as_posix()
    dataset = f"./{folder}" if "/" not in folder and folder != "." else folder
    parts = [
        head_text(slug(out.stem).replace("_", "-"), dataset, roles.outcome),
        outcome_text(roles.outcome),
        "[population]\n",
        "" if found.cohort is not None else _table_text(found, roles),
        *(column_text(own, "", found.n) for own in roles.offered),
        _doubtful(roles, found.n),
        spec_text(feature_names(roles.offered), _other_features(found)),
        model_text(roles.outcome, _strata(roles), site),
        closing_text(roles.outcome, site),
    ]
    return "\n".join(part for part in parts if part)


def _strata(roles: _Roles) -> str:
    return "sex" if any(own.subject == "sex" for own in roles.offered) else "none"


def _doubtful(roles: _Roles, n: int) -> str:
    kept_out = [(own, why) for own, why in roles.suspicious if own.column.section in ("", CLINICAL)]
    if not kept_out:
        return ""
    title = (
        "# ---- Columns in doubt: not read by the model. To read one, once it is sure that it is\n"
        "# known by the index date, take the '#' from its lines but the first, which tells the reason.\n"
    )
    return title + "\n" + "\n".join(column_text(own, why, n) for own, why in kept_out)


def _table_text(found: FoundTable, roles: _Roles) -> str:
    missing = ", ".join(quoted(word) for word in ("", *found.missing))
    ignored = [own.column.name for own, _ in roles.suspicious]
    assert roles.patient_id is not None
    lines = [
        "# How the table is written. A column that is neither read below nor listed in `ignore` is refused.",
        "[table]",
        f"file = {quoted(found.file)}",
        f"patient_id = {quoted(roles.patient_id.column.name)}",
        f"delimiter = {quoted(found.delimiter)}",
        f"decimal = {quoted(found.decimal)}",
        f"missing = [{missing}]  # texts that say that nothing was recorded",
        f"ignore = [{', '.join(map(quoted, ignored))}]",
        '# index_date = "..."  # the column of day 0, where a fact has a date_column',
        "",
        outcome_column_text(roles.outcome),
    ]
    for own in roles.sites:
        subject = slug(own.column.name)
        lines += [f"[table.facts.{quoted(own.column.name)}]", f'fact = "groups/{subject}"', ""]
    return "\n".join(lines)


def _other_features(found: FoundTable) -> tuple[str, ...]:
    """Features of a cohort folder beyond clinical facts: germline calls, medications, the tumour."""
    if found.cohort is None:
        return ()
    usable = check_folder(found.folder).features
    listed = [name for name in usable if name.partition(".")[0] in _LISTED]
    blocks = {name.partition(".")[0] for name in usable}
    if found.cohort.expression is not None:
        blocks.add("expression")
    if len(found.cohort.variants):
        blocks.add("tumour")
    return (*listed, *(pattern for block, pattern in _OPEN.items() if block in blocks))

"""A new study tells what was found of a cohort, marks what to settle, and keeps doubtful columns out."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from features.errors import CohortError, SettingsError, StudyError
from features.readers.folder import write_folder
from features.synthetic import synthetic_cohort
from training.cohort_check import check_folder
from training.column_kinds import guess
from training.found_columns import FoundColumn, find_columns
from training.new_study import NewStudy, write_new_study
from training.study import load_study, read_study
from training.study_cohort import study_cohort

N = 60


def table(path: Path, columns: dict[str, list[str]], delimiter: str = ",") -> Path:
    """The columns as delimited text."""
    rows = [delimiter.join(row) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join([delimiter.join(columns), *rows]) + "\n", encoding="utf-8")
    return path


def columns() -> dict[str, list[str]]:
    """A cohort of sixty, of whom every trap is there."""
    rng = np.random.default_rng(2)
    outcome = rng.random(N) < 0.5
    return {
        "case_no": [f"C{i}" for i in range(N)],
        "age_years": [f"{a:.0f}" for a in rng.uniform(30, 80, N)],
        "marker": [f"{m:.3f}" for m in rng.normal(0, 1, N)],
        "grade": ["low"] * 28 + ["high"] * 29 + ["odd", "strange", "weird"],
        "seen_at": ["2021-02-03"] * N,
        "notes": [f"free words {i}" for i in range(N)],
        "leak": [f"{o + 0.001 * i:.3f}" for i, o in enumerate(outcome)],
        "only_if": ["3" if o else "" for o in outcome],
        "follow_up": [f"{m:.0f}" for m in rng.uniform(1, 90, N)],
        "crp_week_6": [f"{m:.1f}" for m in rng.uniform(1, 90, N)],
        "smoking_status": ["yes", "no"] * (N // 2),
        "center": ["A", "B", "C"] * (N // 3),
        "response": ["1" if o else "0" for o in outcome],
    }


def written(folder: Path, found: dict[str, list[str]] | None = None, outcome: str | None = None) -> NewStudy:
    source = table(folder / "cohort.csv", columns() if found is None else found)
    return write_new_study(source, folder / "study.toml", outcome)


def test_every_doubtful_column_is_kept_out_with_its_reason(tmp_path: Path) -> None:
    new = written(tmp_path)
    why = dict(new.suspicious)
    assert why.keys() == {"seen_at", "notes", "leak", "only_if", "follow_up", "crp_week_6"}
    assert why["seen_at"].startswith("a date")
    assert why["notes"].startswith("an identifier")
    assert "predicts the outcome almost alone (AUC 1.00)" in why["leak"]
    assert "the same for every patient" in why["only_if"]
    assert "outcome by its name" in why["follow_up"]
    assert "after treatment began" in why["crp_week_6"]
    assert (new.outcome, new.offered) == ("response", ("age_years", "marker", "grade", "smoking_status"))


def test_column_recorded_only_after_an_event_is_in_doubt(tmp_path: Path) -> None:
    found = columns()
    found["only_if"] = [text and str(i) for i, text in enumerate(found["only_if"])]
    why = dict(written(tmp_path, found).suspicious)
    assert "whether it is recorded predicts the outcome almost alone (AUC 1.00)" in why["only_if"]


def test_settled_study_is_valid_and_reads_what_was_offered(tmp_path: Path) -> None:
    new = written(tmp_path)
    with pytest.raises(StudyError) as refused:
        read_study(new.text)
    assert {fault.where for fault in refused.value.faults} == {
        "outcome.drug", "outcome.event", "variable 'marker'",
    }  # fmt: skip
    lines = new.text.splitlines()
    assert [lines[n - 1].partition("  #")[0] for n in new.to_settle] == [
        'drug = "?"', 'event = "?"', 'unit = "?"',
    ]  # fmt: skip
    text = new.text.replace('drug = "?"', 'drug = "A"').replace('event = "?"', 'event = "response"')
    (tmp_path / "study.toml").write_text(text.replace('unit = "?"', 'unit = "1"', 1), encoding="utf-8")
    study = load_study(tmp_path / "study.toml")
    cohort = study_cohort(study, tmp_path, tmp_path)
    assert len(cohort) == N
    assert set(cohort.groups["center"].tolist()) == {"A", "B", "C"}
    assert [protocol.kind for protocol in study.protocols] == ["folds", "group"]
    np.testing.assert_array_equal(cohort.values("age"), [float(a) for a in columns()["age_years"]])


def test_the_sections_that_are_offered_can_be_taken_as_they_stand(tmp_path: Path) -> None:
    text = written(tmp_path).text.replace('drug = "?"', 'drug = "A"').replace('event = "?"', 'event = "e"')
    before, more = text.replace('unit = "?"', 'unit = "1"', 1).split("# What else may be asked")
    offered = "\n".join(line.removeprefix("# ").removeprefix("#") for line in more.splitlines()[1:])
    offered = offered.replace('attributes = ["sex", "age"]', 'attributes = ["age"]')
    (tmp_path / "study.toml").write_text(before + offered.replace('sex = "..."\n', ""), encoding="utf-8")
    study = load_study(tmp_path / "study.toml")
    assert study.tuning is not None
    assert study.equity is not None
    assert study.change_plan is not None
    assert study.randomisation is not None


def test_levels_of_fewer_than_ten_patients_are_named_nowhere(tmp_path: Path) -> None:
    text = written(tmp_path).text
    assert not {"odd", "strange", "weird"} & set(text.replace('"', " ").split())
    facts = tomllib.loads(text)["table"]["facts"]
    assert facts["grade"]["values"] == {"high": "high", "low": "low", "*": "-"}


@pytest.mark.parametrize(
    ("header", "subject", "unit"),
    [
        ("weight_kg", "weight", "kg"),
        ("crp (mg/L)", "c_reactive_protein", "mg/L"),
        ("Body height [in]", "height", "[in_i]"),
        ("creatinine_umol_l", "creatinine", "umol/L"),
        ("ALT, U/L", "alt", "U/L"),
        ("platelets", "platelets", "?"),
        ("vitamin_d", "vitamin_d", "?"),
        ("score (2 of 3)", "score_2_of_3", "?"),
    ],
)
def test_units_are_guessed_from_headers_alone(header: str, subject: str, unit: str) -> None:
    found = guess(FoundColumn(header, ("1.5", "2.5", None)))
    assert (found.kind, found.subject, found.unit) == ("quantity", subject, unit)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (("1", "0", None), "flag"),
        (("ja", "nein"), "flag"),
        (("1.5", "-2e3"), "quantity"),
        (("03.02.2021", "2021-02-03"), "date"),
        (("a", "b") * 12, "category"),
        (tuple(f"word {i}" for i in range(40)), "text"),
        ((None, None), "empty"),
    ],
)
def test_kinds_are_told_by_cells(cells: tuple[str | None, ...], kind: str) -> None:
    assert guess(FoundColumn("x", cells)).kind == kind


def test_delimiter_decimal_sign_and_words_for_nothing_are_found(tmp_path: Path) -> None:
    found = find_columns(table(tmp_path / "t.csv", {"id": ["a", "b"], "x": ["1,5", "NA"]}, ";"))
    assert (found.delimiter, found.decimal, found.missing) == (";", ",", ("NA",))
    assert found.columns[1].cells == ("1.5", None)


def test_one_table_called_like_ours_is_a_plain_table(tmp_path: Path) -> None:
    table(tmp_path / "patients.csv", {"id": ["a", "b"], "x": ["1", "2"]})
    assert find_columns(tmp_path).file == "patients.csv"


def test_cohort_folder_brings_its_calls_and_facts(tmp_path: Path) -> None:
    write_folder(synthetic_cohort(120, seed=5, sites=3), tmp_path / "cohort")
    new = write_new_study(tmp_path / "cohort", tmp_path / "study.toml")
    text = new.text.replace('drug = "?"', 'drug = "A"').replace('unit = "?"', 'unit = "mg/wk"')
    study = read_study(text)
    usable = check_folder(tmp_path / "cohort").features
    assert study.table is None
    assert {name for name in usable if name.startswith(("genotype", "medication"))} <= set(study.features)
    assert {"clinical.age.value", "clinical.sex.is_male", "clinical.race.is_asian"} <= set(study.features)


def test_what_cannot_be_written_says_why(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="name one of: age_years"):
        written(tmp_path, outcome="shoe")
    bare = {name: cells for name, cells in columns().items() if name not in ("response", "follow_up")}
    with pytest.raises(CohortError, match="no column looks like an outcome"):
        written(tmp_path, bare)
    with pytest.raises(CohortError, match="dates, free text or nothing"):
        written(tmp_path, outcome="notes")
    twice = {name: [*cells[:1], *cells[:1], *cells[2:]] for name, cells in columns().items()}
    with pytest.raises(CohortError, match="give each patient one row"):
        written(
            tmp_path,
            {name: cells for name, cells in twice.items() if name not in ("notes", "leak", "marker")},
        )
    written(tmp_path)
    with pytest.raises(SettingsError, match="there already"):
        written(tmp_path)
    with pytest.raises(SettingsError, match=r"ends with \.toml"):
        write_new_study(tmp_path / "cohort.csv", tmp_path / "study.txt")

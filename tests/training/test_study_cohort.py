"""A study's patients come from its own folder or table, in its units, and what cannot be is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas
import pytest

from features.cohort import Cohort
from features.encode import encode
from features.errors import CohortError, DataError
from features.readers.folder import write_folder
from tests.training.own_study import HEADER, ROWS, TEXT, changed, own_study
from training.served import served_spec
from training.study import Study, load_study, study_name
from training.study_cohort import patients_to_answer, study_cohort, study_source


def cohort_of(study: Study, folder: Path) -> Cohort:
    return study_cohort(study, folder / "data", folder / "home")


def test_units_words_decimals_and_dates_are_those_of_the_study(tmp_path: Path) -> None:
    study = own_study(tmp_path)
    cohort = cohort_of(study, tmp_path)
    matrix = encode(cohort, served_spec(study, cohort))
    columns = dict(zip(matrix.names, matrix.values.T, strict=True))
    at = np.arange(20)
    np.testing.assert_allclose(columns["clinical.height.value"], (60.5 + at) * 2.54)
    np.testing.assert_allclose(columns["clinical.creatinine.value"], (70 + 2 * at) / 88.4, rtol=1e-4)
    np.testing.assert_array_equal(columns["clinical.smoker.flag"], at % 2)
    np.testing.assert_array_equal(columns["clinical.stage.is_late"], at % 3 == 0)
    np.testing.assert_allclose(cohort.outcome("dose"), (20 + at) * 7.0)
    assert cohort.groups["site"].tolist() == [f"S{i % 2}" for i in range(20)]
    assert {row[4] for row in cohort.clinical.rows if row[1] == "creatinine"} == {-1.0}


def test_parquet_holds_the_same_patients_as_text(tmp_path: Path) -> None:
    as_text = cohort_of(own_study(tmp_path), tmp_path)
    frame = pandas.read_csv(tmp_path / "cohort" / "patients.csv", sep=";", decimal=",")
    frame.to_parquet(tmp_path / "cohort" / "patients.parquet")
    study = own_study(tmp_path, changed(('file = "patients.csv"', 'file = "patients.parquet"')))
    assert cohort_of(study, tmp_path).fingerprint() == as_text.fingerprint()


def test_fact_dated_after_the_index_date_is_left_out_and_a_column_of_such_is_refused(tmp_path: Path) -> None:
    later = ROWS[0].replace("2020-03-01", "2020-03-09")
    cohort = cohort_of(own_study(tmp_path, rows=(later, *ROWS[1:])), tmp_path)
    assert np.flatnonzero(np.isnan(cohort.values("creatinine"))).tolist() == [0]
    swapped = HEADER.replace("Lab date;Start", "Start;Lab date")
    with pytest.raises(CohortError, match="nothing of it is known by the index date"):
        cohort_of(own_study(tmp_path, header=swapped), tmp_path)


def test_swapped_unit_is_found_by_the_variables_bounds(tmp_path: Path) -> None:
    text = changed(('unit = "umol/L"\n', 'unit = "mg/dL"\n'))
    with pytest.raises(CohortError, match="not plausible") as refused:
        cohort_of(own_study(tmp_path, text), tmp_path)
    assert len(refused.value.faults) == 20
    assert "70" not in str(refused.value.faults[0])


def test_declared_bounds_and_categories_hold_for_a_cohort_folder_too(tmp_path: Path) -> None:
    study = own_study(tmp_path)
    cohort = cohort_of(study, tmp_path)
    write_folder(cohort, tmp_path / "kept")
    variables = re.findall(r"\[\[variables\]\]\n.*?\n\n", TEXT, re.DOTALL)
    bare = TEXT[: TEXT.index("[table]")] + "".join(variables) + TEXT[TEXT.index("[spec]") :]
    bare = bare.replace('dataset = "cohort"', 'dataset = "kept"')
    same = cohort_of(own_study(tmp_path, bare), tmp_path)
    assert same.fingerprint() == cohort.fingerprint()
    narrow = own_study(tmp_path, bare.replace("highest = 20.0", "highest = 1.0"))
    with pytest.raises(CohortError, match=r"values lie outside 0.1 to 1 mg/dL"):
        cohort_of(narrow, tmp_path)


def test_patients_to_answer_are_the_same_without_outcomes_and_groups(tmp_path: Path) -> None:
    study = own_study(tmp_path)
    learned_from = cohort_of(study, tmp_path)
    asked = tmp_path / "asked"
    asked.mkdir()
    short = [";".join(line.split(";")[:7]) for line in (HEADER, *ROWS)]
    (asked / "patients.csv").write_text("\n".join(short) + "\n", encoding="utf-8")
    chunks = list(patients_to_answer(study, asked, 8))
    assert [len(chunk) for chunk in chunks] == [8, 8, 4]
    spec = served_spec(study, learned_from)
    together = np.vstack([encode(chunk, spec).values for chunk in chunks])
    np.testing.assert_array_equal(together, encode(learned_from, spec).values)


def test_dataset_that_is_nowhere_names_the_known_sources(tmp_path: Path) -> None:
    study = own_study(tmp_path, changed(('dataset = "cohort"', 'dataset = "elsewhere"')))
    with pytest.raises(DataError, match=r"give a folder's path, or one of iwpc"):
        cohort_of(study, tmp_path)


def test_source_is_as_the_study_states_it(tmp_path: Path) -> None:
    stated = '[source]\ntitle = "Our ward"\n\n[population]'
    study = own_study(tmp_path, changed(("[population]", stated)))
    source = study_source(study)
    assert (source.title, source.citation, source.terms) == ("Our ward", "not stated", "not stated")
    assert study_source(load_study("warfarin")).name == "iwpc"


def test_study_may_be_named_by_its_file(tmp_path: Path) -> None:
    own_study(tmp_path)
    assert study_name(str(tmp_path / "own.toml")) == "own"
    assert study_name("own") == "own"

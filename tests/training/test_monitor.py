"""A champion in the field: alarms where harm was planted, the log read back, and learning again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.cohort import Clinical, Cohort, Outcomes
from features.errors import CohortError, DataError
from features.readers.document import to_document
from features.readers.folder import read_folder, write_folder
from models import bundle
from serving.settings import Settings
from serving.store.records import PredictionRecord
from serving.store.store import Store
from tests.training.tiny_blocks import fit, publish, tiny_cohort, tiny_study
from training.monitoring.field import Seen, field_figures
from training.monitoring.logged import read_log, with_outcomes
from training.monitoring.monitor import metrics_text, monitor
from training.monitoring.retrain import compared

STUDY = "tiny-binary"


@pytest.fixture(scope="module")
def everybody() -> Cohort:
    """Patients of one kind, earlier and later ones."""
    return tiny_cohort("binary", 700)[0]


@pytest.fixture(scope="module")
def cohort(everybody: Cohort) -> Cohort:
    """Whom the champion learned from."""
    return everybody.take(everybody.patient_ids[:300])


@pytest.fixture(scope="module")
def home(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose champion answers."""
    folder = tmp_path_factory.mktemp("home")
    study = tiny_study("binary")
    publish(folder, study, cohort, fit(study, cohort))
    return folder


@pytest.fixture(scope="module")
def fresh(everybody: Cohort) -> Cohort:
    """Who came later."""
    return _renamed(everybody.take(everybody.patient_ids[300:]))


def test_patients_of_the_same_kind_raise_no_alarm(home: Path, fresh: Cohort, tmp_path: Path) -> None:
    write_folder(fresh, tmp_path / "new")
    found = monitor(STUDY, home, tmp_path / "new", None)
    assert found.document["n"] == len(fresh)
    assert found.document["drifted"] == []
    assert found.alarms == ()


def test_a_value_in_another_unit_is_drift(home: Path, fresh: Cohort, tmp_path: Path) -> None:
    rows = [
        (i, name, value * 2.54 if name == "synthetic_1" else value, text, day)
        for i, name, value, text, day in fresh.clinical.rows
    ]
    write_folder(replace(fresh, clinical=Clinical.from_rows(rows)), tmp_path / "new")
    found = monitor(STUDY, home, tmp_path / "new", None)
    assert found.document["drifted"] == ["clinical.synthetic_1.value"]
    assert any("clinical.synthetic_1.value" in alarm for alarm in found.alarms)


def test_a_subgroup_that_is_covered_too_seldom_raises_an_alarm_within_200_outcomes(home: Path) -> None:
    """Everybody else is covered as promised; of the subgroup 78%."""
    model = bundle.load(next((home / "bundles").iterdir())).models.model
    raised = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        members = np.repeat([True, False], 200)
        answers = model.predict(_renamed(tiny_cohort("binary", 400, seed=60 + seed, missing=0.0)[0]))
        held = rng.random(400) < np.where(members, 0.78, 0.92)
        possible = tuple((bool(h), not h) for h in held.tolist())
        labels = np.array(["here" if m else "there" for m in members], dtype=object)
        seen = Seen(replace(answers, possible=possible), np.ones(400), {"ward": labels})
        figures = field_figures(seen)["subgroups"]["ward"]
        assert not figures["there"]["alarm"]
        raised.append(figures["here"]["raised_after"])
    assert sum(after is not None and after <= 200 for after in raised) >= 17


def test_more_drugs_ask_for_more_evidence(home: Path) -> None:
    model = bundle.load(next((home / "bundles").iterdir())).models.model
    answers = model.predict(_renamed(tiny_cohort("binary", 60, missing=0.0)[0]))
    held = np.arange(60) % 3 > 0
    seen = Seen(replace(answers, possible=tuple((bool(h), not h) for h in held.tolist())), np.ones(60), {})
    alone, many = (field_figures(seen, n)["coverage"] for n in (1, 100))
    assert alone["evidence"] == many["evidence"]
    assert alone["raised_after"] < many["raised_after"]


def test_probabilities_that_are_off_raise_an_alarm(home: Path, fresh: Cohort, tmp_path: Path) -> None:
    rare = [(i, name, 0.0 if i % 4 else value, day) for i, name, value, day in fresh.outcomes.rows]
    write_folder(replace(fresh, outcomes=Outcomes.from_rows(rare)), tmp_path / "new")
    found = monitor(STUDY, home, tmp_path / "new", None)
    assert any(alarm.startswith("Probabilities are off") for alarm in found.alarms)


def test_metrics_tell_the_alarms_and_every_index(home: Path, fresh: Cohort, tmp_path: Path) -> None:
    write_folder(fresh, tmp_path / "new")
    found = monitor(STUDY, home, tmp_path / "new", None)
    lines = metrics_text(found).splitlines()
    assert f'rxplain_monitor_alarms{{study="{STUDY}"}} 0' in lines
    told = [own for own in found.document["drift"] if own["psi"] is not None]
    assert sum(line.startswith("rxplain_monitor_psi{") for line in lines) == len(told) > 0


def test_no_patient_is_named_and_no_small_group_told(home: Path, fresh: Cohort, tmp_path: Path) -> None:
    write_folder(fresh, tmp_path / "new")
    text = json.dumps(monitor(STUDY, home, tmp_path / "new", None).document)
    assert not any(patient in text for patient in fresh.patient_ids)


def test_the_log_is_the_patients_who_were_asked_about(home: Path, fresh: Cohort, tmp_path: Path) -> None:
    spec = bundle.load(next((home / "bundles").iterdir())).models.spec
    asked = fresh.take(fresh.patient_ids[:12])
    _log(tmp_path, asked, [*range(12), 3], spec)
    found = read_log(tmp_path, STUDY, spec)
    assert found.n_answers == 13
    assert found.cohort.patient_ids == (*asked.patient_ids[:3], *asked.patient_ids[4:], asked.patient_ids[3])
    model = bundle.load(next((home / "bundles").iterdir())).models.model
    again = dict(zip(found.cohort.patient_ids, model.predict(found.cohort).margin.tolist(), strict=True))
    first = dict(zip(asked.patient_ids, model.predict(asked).margin.tolist(), strict=True))
    assert {p: repr(m) for p, m in again.items()} == {p: repr(m) for p, m in first.items()}


def test_outcomes_come_to_whom_they_belong(fresh: Cohort, tmp_path: Path) -> None:
    few = replace(fresh.take(fresh.patient_ids[:4]), outcomes=Outcomes.from_rows([]))
    table = tmp_path / "outcomes.csv"
    table.write_text(f"patient_id,value\n{few.patient_ids[2]},1\n{few.patient_ids[0]},0\n", encoding="utf-8")
    found = with_outcomes(few, table, "response", "1 or 0").outcome("response")
    np.testing.assert_array_equal(found, [0.0, np.nan, 1.0, np.nan])
    write_folder(with_outcomes(few, table, "response", "1 or 0"), tmp_path / "kept")
    np.testing.assert_array_equal(read_folder(tmp_path / "kept").outcome("response"), found)


def test_every_fault_of_the_outcomes_is_told_and_no_patient(fresh: Cohort, tmp_path: Path) -> None:
    known = fresh.patient_ids[0]
    table = tmp_path / "outcomes.csv"
    table.write_text(
        f"patient_id,value\n{known},1\n{known},0\nnobody-here,1\n{fresh.patient_ids[1]},yes\n"
        f"{fresh.patient_ids[2]},inf\n",
        encoding="utf-8",
    )
    with pytest.raises(CohortError) as told:
        with_outcomes(fresh, table, "response", "1 or 0")
    assert [fault.where.split(":")[1].strip() for fault in told.value.faults] == [
        "line 3", "line 4", "line 5", "line 6",
    ]  # fmt: skip
    assert known not in str(told.value)
    assert "nobody-here" not in str(told.value)


def test_no_log_and_a_log_of_others_are_said(home: Path, tmp_path: Path, fresh: Cohort) -> None:
    spec = bundle.load(next((home / "bundles").iterdir())).models.spec
    with pytest.raises(DataError, match="no prediction log"):
        read_log(tmp_path, STUDY, spec)
    _log(tmp_path, fresh.take(fresh.patient_ids[:1]), [0], spec)
    with pytest.raises(DataError, match="no answer of 'other'"):
        read_log(tmp_path, "other", spec)


def test_two_models_are_compared_by_hand() -> None:
    observed = np.tile([10.0, 20.0, 30.0, 40.0], 10)
    found = compared(observed, observed + 4.0, observed - 1.0, is_binary=False)
    assert found is not None
    assert (found.champion, found.retrained, found.gain) == (4.0, 1.0, 3.0)
    assert (found.lower, found.upper) == (3.0, 3.0)
    assert compared(observed[:20], observed[:20], observed[:20], is_binary=False) is None


def _renamed(cohort: Cohort) -> Cohort:
    return replace(cohort, patient_ids=tuple(f"later-{i}" for i in range(len(cohort))))


def _log(home: Path, cohort: Cohort, order: list[int], spec: object) -> None:
    """As the service writes it: a row for each patient asked about."""
    store = Store.open(Settings(home=home))
    records = [
        PredictionRecord(
            f"{n:032x}", "2026-01-01T00:00:00Z", STUDY, 1, "d" * 64, patient,
            json.dumps({"study": STUDY, "patient": to_document(cohort, patient, spec)}), "{}", 1.0,
        )
        for n, patient in enumerate(cohort.patient_ids[i] for i in order)
    ]  # fmt: skip
    store.predictions.write_all(records, "local")
    store.close()

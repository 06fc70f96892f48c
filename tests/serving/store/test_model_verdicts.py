"""Verdicts on model versions stand in the chain of all verdicts, and outlive every patient."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from serving.store.erasure import retain
from serving.store.export import patient_lines
from serving.store.store import Store
from serving.store.verdicts import SPLIT, state_of
from serving.store.worklist import Asked
from tests.serving.store.rows import PREDICTION, model_verdict, tamper, verdict

DIGEST, OTHER = "d" * 64, "e" * 64
LATER = datetime(2027, 6, 1, tzinfo=UTC)


def test_a_second_reader_counts_and_an_amendment_takes_the_first_words_place(store: Store) -> None:
    first = store.model_verdicts.write(model_verdict(by="anna"), "local")
    store.model_verdicts.write(model_verdict(by="bert"), "local")
    said = store.model_verdicts.of_version(DIGEST, "local")
    assert state_of(said) == ("agree", 2)
    amended = model_verdict(by="anna", verdict="disagree", reasons=("worse-for-a-group",), comment="the old")
    amended = store.model_verdicts.write(amended, "local")
    assert amended.amends == first.id
    said = store.model_verdicts.of_version(DIGEST, "local")
    assert said == store.model_verdicts.of_study("tiny", "local")
    assert (said[0], said[2], state_of(said)) == (first, amended, (SPLIT, 2))
    assert store.verify_verdicts().n_rows == 3


def test_the_same_word_said_again_is_kept_once(store: Store) -> None:
    first = store.model_verdicts.write(model_verdict(), "local")
    again = store.model_verdicts.write(model_verdict(), "local")
    assert (again, store.verify_verdicts().n_rows) == (first, 1)
    assert store.model_verdicts.write(model_verdict(digest=OTHER), "local").amends is None


def test_a_tenant_sees_its_own_and_what_counts_is_told_of_all(store: Store) -> None:
    for tenant, by in (("north", "anna"), ("south", "anna"), ("south", "bert")):
        store.model_verdicts.write(model_verdict(by=by), tenant)
    store.model_verdicts.write(model_verdict(by="anna", verdict="unsure", comment="wait"), "south")
    store.model_verdicts.write(model_verdict(study="another"), "north")
    assert [one.by for one in store.model_verdicts.of_study("tiny", "north")] == ["anna"]
    told = [(tenant, one.by, one.verdict) for tenant, one in store.model_verdicts.last_words("tiny")]
    assert told == [("north", "anna", "agree"), ("south", "anna", "unsure"), ("south", "bert", "agree")]


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ("UPDATE verdicts SET content = chain WHERE seq = 2", 2),
        (f"UPDATE verdicts SET prediction_id = 'model:{OTHER}' WHERE seq = 2", 2),
        ("UPDATE verdicts SET tenant = 'south' WHERE seq = 2", 2),
        ("UPDATE verdicts SET content = NULL, patient_key = NULL WHERE seq = 2", 2),
        ("DELETE FROM verdicts WHERE seq = 2", 2),
        ("DELETE FROM verdicts WHERE seq = 3", 3),
    ],
)
def test_every_change_shows(store: Store, change: str, row: int) -> None:
    store.predictions.write_all([PREDICTION], "local")
    store.verdicts.write(verdict(PREDICTION.id), "local")
    for by in ("anna", "bert"):
        store.model_verdicts.write(model_verdict(by=by), "local")
    assert store.verify_verdicts().broken is None
    tamper(store, change)
    assert store.verify_verdicts().broken == row


def test_patients_go_and_verdicts_on_models_stay(store: Store) -> None:
    """Even a patient who is called what a version is kept under; and no erasure is noted again and again."""
    store.predictions.write_all([PREDICTION], "local")
    store.verdicts.write(verdict(PREDICTION.id), "local")
    kept = store.model_verdicts.write(model_verdict(), "local")
    for patient in (PREDICTION.patient_id, f"model:{DIGEST}", ""):
        store.erase("local", patient)
        assert list(patient_lines(store, "local", patient)) == []
    assert retain(store.engine, store.keys, 30, LATER) == ()
    assert store.model_verdicts.of_version(DIGEST, "local") == (kept,)
    walk = store.verify_verdicts()
    assert (walk.n_rows, walk.n_erased, walk.broken) == (2, 1, None)


def test_age_takes_verdicts_on_answers_and_leaves_those_on_models(store: Store) -> None:
    store.predictions.write_all([PREDICTION], "local")
    store.verdicts.write(verdict(PREDICTION.id), "local")
    kept = store.model_verdicts.write(model_verdict(), "local")
    (erasure,) = retain(store.engine, store.keys, 30, LATER)
    assert (erasure.n_predictions, erasure.n_others) == (1, 1)
    assert store.model_verdicts.of_version(DIGEST, "local") == (kept,)
    assert store.verify_verdicts().broken is None


def test_the_worklist_lists_answers_and_no_models(store: Store) -> None:
    store.model_verdicts.write(model_verdict(), "local")
    assert store.worklist.page("local", Asked(("prediction",)), 10).n == 0
    assert store.verdicts.of_prediction(f"model:{OTHER}", "local") == ()


def test_readers_who_sign_at_once_stand_in_one_chain(store: Store) -> None:
    said = [model_verdict(by=f"reader-{n % 6}", comment=f"{n}") for n in range(12)]
    with ThreadPoolExecutor(4) as readers:
        list(readers.map(lambda one: store.model_verdicts.write(one, "local"), said))
    told = store.model_verdicts.of_version(DIGEST, "local")
    assert (len(told), sum(one.amends is None for one in told)) == (12, 6)
    assert store.verify_verdicts().broken is None

"""Verdicts are only ever added to, and whoever changes them behind the service's back is found out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from serving.errors import RequestError
from serving.store.store import Store
from serving.store.verdicts import SPLIT, counting, state_of
from serving.store.worklist import Asked
from tests.serving.store.rows import PREDICTION, predictions, tamper, verdict

ALL = Asked(("prediction",))


def _state(store: Store, prediction_id: str) -> tuple[str, int]:
    (row,) = (row for row in store.worklist.page("local", ALL, 10).rows if row.id == prediction_id)
    return row.verdict, row.readers


def test_a_second_verdict_of_a_reader_amends_the_first_and_both_stay(store: Store) -> None:
    store.predictions.write_all([PREDICTION], "local")
    first = store.verdicts.write(verdict(PREDICTION.id), "local")
    second = store.verdicts.write(verdict(PREDICTION.id, "no", verdict="disagree"), "local")
    assert (first.amends, second.amends) == (None, first.id)
    assert store.verdicts.of_prediction(PREDICTION.id, "local") == (first, second)
    assert counting((first, second)) == (second,)
    assert _state(store, PREDICTION.id) == ("disagree", 1)


def test_the_same_word_said_again_is_kept_once(store: Store) -> None:
    store.predictions.write_all([PREDICTION], "local")
    first = store.verdicts.write(verdict(PREDICTION.id, "fine"), "local")
    assert store.verdicts.write(verdict(PREDICTION.id, "fine"), "local") == first
    assert store.verify_verdicts().n_rows == 1


def test_a_second_reader_who_differs_splits_them(store: Store) -> None:
    store.predictions.write_all([PREDICTION], "local")
    assert _state(store, PREDICTION.id) == ("", 0)
    store.verdicts.write(verdict(PREDICTION.id, by="anna"), "local")
    store.verdicts.write(verdict(PREDICTION.id, by="bert"), "local")
    assert _state(store, PREDICTION.id) == ("agree", 2)
    store.verdicts.write(verdict(PREDICTION.id, by="bert", verdict="unsure"), "local")
    assert _state(store, PREDICTION.id) == (SPLIT, 2)
    assert state_of(()) == ("", 0)


def test_verdicts_on_anothers_prediction_or_an_erased_one_are_refused(store: Store) -> None:
    (gone,) = predictions(1, "gone")
    store.predictions.write_all([PREDICTION], "north")
    store.predictions.write_all([gone], "local")
    store.verdicts.write(verdict(gone.id), "local")
    store.erase("local", "gone")
    for prediction_id in (PREDICTION.id, gone.id, "f" * 32):
        with pytest.raises(RequestError) as told:
            store.verdicts.write(verdict(prediction_id), "local")
        assert told.value.kind == "unknown-prediction"
    assert store.verdicts.of_prediction(gone.id, "local") == ()
    assert store.worklist.page("local", ALL, 10).rows == ()


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ("UPDATE verdicts SET content = chain WHERE seq = 2", 2),
        ("UPDATE verdicts SET time = '2020' WHERE seq = 1", 1),
        ("UPDATE verdicts SET prediction_id = 'other' WHERE seq = 3", 3),
        ("UPDATE verdicts SET content = NULL, patient_key = NULL WHERE seq = 2", 2),
        ("DELETE FROM verdicts WHERE seq = 2", 2),
        ("DELETE FROM verdicts WHERE seq = 3", 3),
        ("DELETE FROM verdicts", 1),
        ("DELETE FROM heads WHERE name = 'verdicts'", 4),
    ],
)
def test_every_change_shows(store: Store, change: str, row: int) -> None:
    store.predictions.write_all([PREDICTION], "local")
    for by in ("anna", "bert", "carl"):
        store.verdicts.write(verdict(PREDICTION.id, by=by), "local")
    assert store.verify_verdicts().broken is None
    tamper(store, change)
    assert store.verify_verdicts().broken == row
    assert store.verify().broken is None


def test_readers_who_sign_at_once_stand_in_one_chain(store: Store) -> None:
    store.predictions.write_all([PREDICTION], "local")
    said = [verdict(PREDICTION.id, by=f"reader-{n}") for n in range(12)]
    with ThreadPoolExecutor(4) as readers:
        list(readers.map(lambda one: store.verdicts.write(one, "local"), said))
    assert (store.verify_verdicts().n_rows, store.verify_verdicts().broken) == (12, None)
    assert _state(store, PREDICTION.id) == ("agree", 12)

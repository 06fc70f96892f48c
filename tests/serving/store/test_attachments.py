"""Outcomes and feedback belong to a prediction of one tenant, and are only ever added to."""

from __future__ import annotations

import asyncio

import pytest

from features.errors import IntegrityError
from models.outcome import BinaryOutcome, ContinuousOutcome
from serving.errors import RequestError
from serving.store.attachments import latest
from serving.store.outcome_units import checked_value
from serving.store.store import Store
from tests.serving.store.rows import PREDICTION, feedback, outcome, tamper

DOSE = ContinuousOutcome("warfarin", "weekly_dose", "mg/wk", "root", 1.0, 300.0)
EVENT = BinaryOutcome("atezolizumab", "response", "response")


def test_an_amendment_is_added_and_counts(store: Store) -> None:
    store.predictions.write_all([PREDICTION], "local")
    first, second = (
        outcome(PREDICTION.id, 31.5, by="lab"),
        outcome(PREDICTION.id, 35.0, observed="2026-02-01"),
    )
    other = outcome(PREDICTION.id, 1.0, name="bleeding", unit="1")

    async def tell() -> None:
        for one in (first, other, second):
            await store.outcomes.append(one, "local")

    asyncio.run(tell())
    told = store.outcomes.of_prediction(PREDICTION.id, "local")
    assert set(told) == {first, other, second}
    assert set(latest((first, other, second))) == {other, second}
    assert set(store.outcomes.of_patient("patient-7", "local")) == set(told)


def test_what_is_said_of_anothers_prediction_or_of_none_is_refused(store: Store) -> None:
    store.predictions.write_all([PREDICTION], "north")
    for prediction_id, tenant in ((PREDICTION.id, "south"), ("f" * 32, "north")):
        with pytest.raises(RequestError) as told:
            store.outcomes.write(outcome(prediction_id), tenant)
        assert told.value.kind == "unknown-prediction"
    store.feedback.write(feedback(PREDICTION.id), "north")
    assert store.feedback.of_prediction(PREDICTION.id, "south") == ()
    assert [one.detail for one in store.feedback.of_prediction(PREDICTION.id, "north")] == ["too high for me"]


def test_an_outcome_that_was_altered_does_not_open(store: Store) -> None:
    store.predictions.write_all([PREDICTION], "local")
    store.outcomes.write(outcome(PREDICTION.id), "local")
    tamper(store, "UPDATE outcomes SET time = '2020'")
    with pytest.raises(IntegrityError, match="does not open"):
        store.outcomes.of_prediction(PREDICTION.id, "local")


@pytest.mark.parametrize(
    ("model", "name", "value", "unit", "wrong"),
    [
        (DOSE, "weekly_dose", 31.5, "mg/wk", []),
        (DOSE, "weekly_dose", 31.5, "mg/d", ["/unit"]),
        (DOSE, "dose", 301.0, "mg", ["/name", "/unit", "/value"]),
        (DOSE, "weekly_dose", float("nan"), "mg/wk", ["/value"]),
        (DOSE, "weekly_dose", True, "mg/wk", ["/value"]),
        (EVENT, "response", True, "1", []),
        (EVENT, "response", 0, "1", []),
        (EVENT, "response", 0.5, "1", ["/value"]),
    ],
)
def test_an_outcome_is_held_against_what_is_predicted(
    model: ContinuousOutcome | BinaryOutcome, name: str, value: float, unit: str, wrong: list[str]
) -> None:
    if not wrong:
        assert checked_value(model, name, value, unit) == float(value)
        return
    with pytest.raises(RequestError) as told:
        checked_value(model, name, value, unit)
    assert [fault.where for fault in told.value.faults] == wrong
    assert str(value) not in str(told.value)

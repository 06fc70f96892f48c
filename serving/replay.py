"""Answers given again from their rows: the request as received, by the bundle that answered it then."""

from __future__ import annotations

import dataclasses
import json
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from features.errors import RxplainError
from serving.answering import Answered, answer_request, rank_request
from serving.backend import Backend, Writers
from serving.more_answers import explain_request, similar_request, simulate_request
from serving.repository import Served
from serving.settings import Settings
from serving.store.records import PredictionRecord
from serving.store.store import Store

_REMEMBERED = 4
MOST_NAMED = 20
_BY_LEVEL = frozenset({"levels", "top"})
"""Fields of a request for an explanation by levels, which may be answered with none."""
_QUESTIONS = {
    "ranked": rank_request,
    "simulated": simulate_request,
    "similar_by_clinical_facts": similar_request,
}


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many rows gave their own bytes again, and which did not; of `gone` the bundle is not kept."""

    same: int
    gone: int
    differing: tuple[str, ...]
    n_differing: int


def replay(settings: Settings, store: Store, sample: int | None = None, seed: int = 0) -> Replayed:
    """Answer the recorded requests again, all or a drawn sample, and compare every byte but the new id.

    Nothing is recorded and no row is altered; erased rows are passed over.
    """
    again = _Again(settings)
    same, gone, differing = 0, 0, 0
    named: list[str] = []
    for record in _chosen(store, sample, seed):
        told = again.answer(record)
        if told is None:
            gone += 1
        elif told == record.answer:
            same += 1
        else:
            differing += 1
            named += [record.id] if len(named) < MOST_NAMED else []
    return Replayed(same, gone, tuple(named), differing)


def _chosen(store: Store, sample: int | None, seed: int) -> Iterable[PredictionRecord]:
    """The rows in their order; of a sample each is as likely as any other (reservoir)."""
    if sample is None:
        return _rows(store)
    drawn, rng = [], random.Random(seed)
    for n, record in enumerate(_rows(store)):
        if n < sample:
            drawn.append(record)
        elif (place := rng.randrange(n + 1)) < sample:
            drawn[place] = record
    return drawn


def _rows(store: Store) -> Iterator[PredictionRecord]:
    for study in store.predictions.studies():
        for _, record in store.predictions.of_study(study):
            yield record


class _Again(Backend):
    """Answers with the bundle of a row instead of the one in service now."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(dataclasses.replace(settings, access=None, metrics_folder=None))
        self._known: OrderedDict[tuple[str, int], Writers] = OrderedDict()
        self._as_then: Writers | None = None

    def answer(self, record: PredictionRecord) -> str | None:
        """The answer under the row's own id; None where its bundle is no longer kept."""
        self._as_then = self._writers_then(record)
        if self._as_then is None:
            return None
        ask = _question(record)
        try:
            answered = ask(self, record.request.encode(), time.perf_counter())
        except RxplainError as error:
            return f"refused: {error.summary}"
        made = answered.record
        return made.answer.replace(made.id, record.id, 1)

    def writers(self, study: str) -> Writers:
        """Those of the row's bundle."""
        return self._as_then or super().writers(study)

    def _writers_then(self, record: PredictionRecord) -> Writers | None:
        key = record.digest, record.version
        if key not in self._known:
            bundle = self.repository.bundle(record.digest)
            if bundle is None:
                return None
            self._known[key] = Writers.of(Served(record.study, record.version, bundle))
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return self._known[key]


def _question(record: PredictionRecord) -> Callable[[Backend, bytes, float], Answered]:
    """What was asked, told by the fields of the answer and of what was sent."""
    told = json.loads(record.answer)
    if "levels" in (told.get("explanation") or ()) or json.loads(record.request).keys() & _BY_LEVEL:
        return explain_request
    return next((ask for field, ask in _QUESTIONS.items() if field in told), answer_request)

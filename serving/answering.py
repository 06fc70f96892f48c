"""From a request's body to the record of its answer: one drug or treatment, or all of them ranked."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from features.cohort import Cohort
from features.encode import FeatureSpec
from features.errors import CohortError, Fault
from features.readers.document import read_documents
from features.synthetic import probe_documents
from models.model_set import ModelSet, Question
from models.response import ResponseModel
from serving.backend import Backend, Writers
from serving.body import parse_object
from serving.errors import RequestError
from serving.figures import Figures, figures_of
from serving.pointers import patient_faults
from serving.repository import Served
from serving.schemas import PredictRequest, RankRequest
from serving.store.records import PredictionRecord, new_id
from serving.tracing import answered_by, reached

MOST_CONTRIBUTIONS = 100_000
"""Contributions that one ranking may tell with `explain` at full depth."""

_NAMED = 20
_WARM_UP_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Answered:
    """The record of an answer, what came of it, and its figures.

    What came of it is `answered`, `ranked`, `simulated`, `explained`, `compared` or `declined`.
    """

    record: PredictionRecord
    result: str
    figures: Figures


def answer_request(backend: Backend, body: bytes, began: float) -> Answered:
    """The answer to the body of POST /v1/predict."""
    request = PredictRequest.from_document(parse_object(body, backend.settings.body_limit_bytes))
    reached("parse")
    writers = backend.writers(request.study)
    model = the_model(writers, request.drug)
    models = writers.served.bundle.models
    cohort = the_patient(request.patient, models.spec)
    reached("encode")
    option = the_treatment(models.question, cohort) if models.question else None
    answers = (model.predict if request.explain == "none" else model.explain)(cohort, request.level)
    reached("predict" if request.explain == "none" else "explain")
    prediction_id = new_id()
    answer = writers.answers.write(prediction_id, request.explain, answers, cohort, option)
    record = recorded(prediction_id, writers.served, cohort.patient_ids[0], (body, answer), began)
    reached("write")
    return Answered(record, "declined" if answers.is_declined(0) else "answered", figures_of(answers))


def rank_request(backend: Backend, body: bytes, began: float) -> Answered:
    """The answer to the body of POST /v1/rank."""
    request = RankRequest.from_document(parse_object(body, backend.settings.body_limit_bytes))
    reached("parse")
    writers = backend.writers(request.study)
    models = writers.served.bundle.models
    _check_options(request, models)
    cohort = the_patient(request.patient, models.spec)
    reached("encode")
    answers = models.answer(cohort, request.level, request.explain != "none", request.options)
    ranked = models.rank(answers, 0)
    reached("predict" if request.explain == "none" else "explain")
    prediction_id = new_id()
    answer = writers.rankings.write(prediction_id, request.explain, answers, ranked, cohort)
    record = recorded(prediction_id, writers.served, cohort.patient_ids[0], (body, answer), began)
    reached("write")
    first = figures_of(answers[ranked[0].option])
    return Answered(record, "declined" if ranked[0].prediction.declined else "ranked", first)


async def keep(backend: Backend, answered: Answered, tenant: str) -> None:
    """Put the record of an answer on disk, and count it; before it goes out."""
    record, ready = answered.record, time.perf_counter()
    await backend.store.predictions.append(record, tenant)
    backend.metrics.stored(time.perf_counter() - ready)
    reached("store")
    answered_by(record.study, record.version, record.digest, answered.result)
    backend.metrics.prediction(record.study, record.version, answered.result, answered.figures)


def warm_up(backend: Backend) -> None:
    """Answer synthetic patients with every model in service, so that no client is the first."""
    for study, served in backend.repository.current.items():
        models = served.bundle.models
        probes = probe_documents(spec=models.spec)
        for patient in probes * _WARM_UP_ROUNDS:
            request = _asking({"study": study, "patient": patient}, models)
            answer_request(backend, json.dumps(request).encode(), time.perf_counter())
        ranking = json.dumps({"study": study, "patient": probes[0]}).encode()
        rank_request(backend, ranking, time.perf_counter())


def _asking(request: dict, models: ModelSet) -> dict:
    """The request with the drug or treatment that its study needs to be told."""
    if models.question is not None:
        asked = {models.question.variable: {"value": models.question.options[0]}}
        patient = request["patient"]
        return request | {"patient": patient | {"clinical": patient.get("clinical", {}) | asked}}
    return request | {"drug": models.drugs[0]}


def the_model(writers: Writers, drug: str | None) -> ResponseModel:
    """The model asked about; raises the 422 problem where the drug is needed or not known."""
    models = writers.models
    if drug is None and len(models) == 1:
        return next(iter(models.values()))
    if drug not in models:
        what = "a drug must be named" if drug is None else "this study does not answer about that drug"
        remedy = f"name {_listed(models)}; POST /v1/rank answers about all of them"
        raise RequestError("invalid-request", "1 fault in the request", [Fault("/drug", what, remedy)])
    return models[drug]


def _check_options(request: RankRequest, models: ModelSet) -> None:
    options = models.options if request.options is None else request.options
    known = frozenset(models.options)
    remedy = f"name {_listed(models.options)}, or leave the field out for all"
    unknown = [i for i, option in enumerate(options) if option not in known]
    faults = [Fault(f"/options/{i}", "is no option of this study", remedy) for i in unknown]
    if request.explain == "full" and len(options) * len(models.spec.names) > MOST_CONTRIBUTIONS:
        what = f"{len(options)} options of {len(models.spec.names)} contributions each are too many"
        faults.append(Fault("/explain", what, "send top, or fewer options"))
    if faults:
        raise RequestError("invalid-request", f"{len(faults)} faults in the request", faults)


def the_patient(document: dict[str, object], spec: FeatureSpec) -> Cohort:
    """The patient of a document as a cohort of one; raises the 422 problem that tells all its faults."""
    try:
        return read_documents([document], spec)
    except CohortError as error:
        faults = patient_faults(error, spec, document)
        raise RequestError(
            "invalid-request", f"{len(faults)} faults in the patient document", faults
        ) from None


def the_treatment(question: Question, cohort: Cohort, patient: int = 0) -> str:
    """The treatment recorded of a patient; it is what the answer is about, so it is never guessed."""
    known = cohort.clinical.texts_of(question.variable).get(patient)
    if known in question.options:
        return str(known)
    what = "the treatment is not recorded" if known is None else "no treatment that can be asked about"
    remedy = f"send {_listed(question.options)}; POST /v1/rank answers under all of them"
    fault = Fault(f"/patient/clinical/{question.variable}", what, remedy)
    raise RequestError("invalid-request", "1 fault in the patient document", [fault])


def _listed(names: Iterable[str]) -> str:
    """`one of a, b and c`; of very many the first, and how many there are."""
    known = list(names)
    more = f" (the first {_NAMED} of {len(known)})" if len(known) > _NAMED else ""
    return f"one of {', '.join(known[:_NAMED])}{more}"


def recorded(
    prediction_id: str, served: Served, patient_id: str, texts: tuple[bytes, str], began: float
) -> PredictionRecord:
    """The record of an answer from what was received and what goes out."""
    return PredictionRecord(
        id=prediction_id,
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        study=served.study,
        version=served.version,
        digest=served.bundle.digest,
        patient_id=patient_id,
        request=texts[0].decode(),
        answer=texts[1],
        latency_ms=round(1e3 * (time.perf_counter() - began), 3),
    )

"""Answers with more beside them: after changes, explained at several levels, among similar patients."""

from __future__ import annotations

from features.cohort import Cohort
from models.answers import Answers
from serving.answering import Answered, recorded, the_model, the_patient, the_treatment
from serving.backend import Backend, Writers
from serving.body import parse_object
from serving.figures import figures_of
from serving.schemas import ExplainRequest, PredictRequest, SimulateRequest
from serving.simulating import otherwise
from serving.store.records import new_id
from serving.tracing import reached

Request = PredictRequest | ExplainRequest | SimulateRequest


class _Own:
    """A patient's own answer, with which each of these begins."""

    def __init__(self, backend: Backend, request: Request) -> None:
        reached("parse")
        self.writers: Writers = backend.writers(request.study)
        model, models = the_model(self.writers, request.drug), self.writers.served.bundle.models
        self.models = models
        self.cohort: Cohort = the_patient(request.patient, models.spec)
        reached("encode")
        self.option = the_treatment(models.question, self.cohort) if models.question else None
        self.ask = model.predict if request.explain == "none" else model.explain
        self.answers: Answers = self.ask(self.cohort, request.level)
        reached("predict" if request.explain == "none" else "explain")
        self.id = new_id()

    def written(self, depth: str, more: str) -> str:
        """The answer as JSON, with more fields at its end."""
        own = self.writers.answers.write(self.id, depth, self.answers, self.cohort, self.option)
        return f"{own[:-1]},{more}}}"

    def answered(self, result: str, body: bytes, answer: str, began: float) -> Answered:
        """The record of an answer."""
        of_whom = self.cohort.patient_ids[0]
        record = recorded(self.id, self.writers.served, of_whom, (body, answer), began)
        reached("write")
        came_of = "declined" if self.answers.is_declined(0) else result
        return Answered(record, came_of, figures_of(self.answers))


def simulate_request(backend: Backend, body: bytes, began: float) -> Answered:
    """The answer to the body of POST /v1/simulate: the patient's own, and what each change makes of it."""
    request = SimulateRequest.from_document(parse_object(body, backend.settings.body_limit_bytes))
    own = _Own(backend, request)
    changed = otherwise(request.patient, request.changes, own.models)
    after = [(one.name, own.ask(one.cohort, request.level)) for one in changed]
    rows = own.writers.changes.write(own.answers, after, request.explain)
    answer = own.written(request.explain, f'"simulated":{rows}')
    return own.answered("simulated", body, answer, began)


def explain_request(backend: Backend, body: bytes, began: float) -> Answered:
    """The answer to the body of POST /v1/explain: the patient's own, explained at the levels asked for."""
    request = ExplainRequest.from_document(parse_object(body, backend.settings.body_limit_bytes))
    own = _Own(backend, request)
    found = own.answers[0].explanation
    writer, told = own.writers.answers, "null"
    if found is not None and request.explain != "none":
        scale = writer.constants[own.answers.outcome.drug].scale
        told = own.writers.levels.write(found, request.levels, request.explain, request.top, scale)
    answer = writer.write(own.id, request.explain, own.answers, own.cohort, own.option, explanation=told)
    return own.answered("explained", body, answer, began)


def similar_request(backend: Backend, body: bytes, began: float) -> Answered:
    """The answer to the body of POST /v1/similar: the patient's own, and those trained on who are near."""
    document = parse_object(body, backend.settings.body_limit_bytes)
    request = PredictRequest.from_document(document, "none")
    backend.writers(request.study).similar.require()
    own = _Own(backend, request)
    answer = own.written(request.explain, own.writers.similar.write(own.answers))
    return own.answered("compared", body, answer, began)

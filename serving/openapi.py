"""The OpenAPI 3.1 document: every route, and every problem that it can answer with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources

from features.synthetic import probe_documents
from serving.errors import KINDS, MEDIA_TYPE
from serving.once_only import LONGEST_KEY
from serving.openapi_schemas import ANY, SCHEMAS, TEXT, Schema, closed, list_of, ref

_ALWAYS = ("body-too-large", "internal", "overloaded")
_GUARDED = (
    "unauthenticated", "invalid-credentials", "not-permitted", "issuer-unavailable", "access-unavailable"
)  # fmt: skip
_ONCE = ("idempotency-in-progress", "idempotency-mismatch")
_KEY: Schema = {
    "name": "Idempotency-Key", "in": "header", "required": False,
    "schema": {
        "type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$",
    },
    "description": "The same key with the same body is answered once; for 24 hours that answer comes again.",
}  # fmt: skip
_ANSWERED: Schema = json.loads((resources.files("serving") / "openapi_examples.json").read_bytes())
"""By operation, what a model of synthetic patients answered."""
_BEARER = "A token of a trusted issuer (OpenID Connect, SMART backend services), or an API key."


@dataclass(frozen=True, slots=True)
class _Operation:
    """One route: what it answers with, and the problems beyond those that every route may have."""

    method: str
    path: str
    name: str
    summary: str
    answer: Schema
    problems: tuple[str, ...] = ()
    media: str = "application/json"
    body: Schema | None = None
    is_open: bool = False
    status: int = 200
    once_only: bool = False


def openapi_document(has_access: bool = False) -> Schema:
    """The whole document; of a service with access configured it says where a key or token is needed."""
    paths: dict[str, Schema] = {}
    for operation in _OPERATIONS:
        told = _operation(operation)
        if has_access and not operation.is_open:
            told["security"] = [{"bearer": []}] if operation.path != "/metrics" else [{"bearer": []}, {}]
        paths.setdefault(operation.path, {})[operation.method] = told
    asked = {name: SCHEMAS[name] | {"examples": examples} for name, examples in _examples().items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rxplain",
            "version": "1",
            "description": "Predicts drug response, explained; answers inform and do not order.",
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS | asked,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": _BEARER}},
        },
    }


def _examples() -> dict[str, list[Schema]]:
    """Requests that a service of the shipped warfarin study answers, by the name of their schema."""
    patient: Schema = {"study": "warfarin", "patient": probe_documents()[0]}
    named: Schema = patient | {"drug": "warfarin", "explain": "top"}
    drug = {"drug": "amiodarone", "taken": True}
    change = {"name": "with amiodarone", "medications": [drug]}
    lighter = {"name": "lighter", "clinical": {"weight": {"value": 60, "unit": "kg"}}}
    return {
        "PredictRequest": [patient | {"level": 0.9, "explain": "full"}, named],
        "SimulateRequest": [patient | {"changes": [change]}, patient | {"changes": [change, lighter]}],
        "OutcomeReport": [{"name": "weekly_dose", "value": 31.5, "unit": "mg/wk", "observed": "2026-03-01"}],
        "FeedbackReport": [{"kind": "agreed"}, {"kind": "overridden", "detail": "tolerated less before"}],
        "RankRequest": [patient, patient | {"options": ["warfarin"], "level": 0.8, "explain": "top"}],
    }


def _operation(o: _Operation) -> Schema:
    found: Schema = {"operationId": o.name, "summary": o.summary, "responses": _responses(o)}
    names = [part[1:-1] for part in o.path.split("/") if part.startswith("{")]
    asked: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    if asked or o.once_only:
        found["parameters"] = [*asked, *([_KEY] if o.once_only else [])]
    if o.body is not None:
        media = o.media if o.media.endswith("json") else "application/json"
        found["requestBody"] = {"required": True, "content": {media: {"schema": o.body}}}
    return found


def _responses(o: _Operation) -> Schema:
    example = {"example": _ANSWERED[o.name]} if o.name in _ANSWERED else {}
    answer: Schema = {"description": o.summary, "content": {o.media: {"schema": o.answer, **example}}}
    found: Schema = {str(o.status): answer | ({"links": links} if (links := _links(o)) else {})}
    by_status: dict[int, list[str]] = {}
    often = (*_ONCE,) * o.once_only + (() if o.is_open else _GUARDED) + ("not-found",) * ("{" in o.path)
    for kind in (*o.problems, *often, *_ALWAYS):
        by_status.setdefault(KINDS[kind].status, []).append(kind)
    for status, kinds in sorted(by_status.items()):
        types = {"properties": {"type": {"enum": [f"urn:rxplain:problem:{kind}" for kind in kinds]}}}
        schema = {"allOf": [ref("Problem"), types]}
        titles = "; ".join(KINDS[kind].title for kind in kinds)
        response: Schema = {"description": titles, "content": {MEDIA_TYPE: {"schema": schema}}}
        if status == 401:
            response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
        if status == 503:
            response["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
        found[str(status)] = response
    return found


def _links(o: _Operation) -> Schema:
    """What can be asked next: of an answer all that takes its id, of the models one of them."""
    if o.name == "models":
        name, value = "study", "$response.body#/models/0/study"
    elif o.once_only and "{" not in o.path:
        name, value = "id", "$response.body#/id"
    else:
        return {}
    next_ones = [one.name for one in _OPERATIONS if f"{{{name}}}" in one.path]
    return {next_one: {"operationId": next_one, "parameters": {name: value}} for next_one in next_ones}


_ASKED = (
    "malformed-json", "unknown-study", "body-too-slow", "unsupported-media-type", "invalid-request",
    "withheld", "not-ready", "audit-unavailable",
)  # fmt: skip
_REPORTED = (
    "malformed-json", "unknown-prediction", "unknown-study", "body-too-slow", "unsupported-media-type",
    "invalid-request", "not-ready", "audit-unavailable",
)  # fmt: skip
_OPERATIONS = (
    _Operation(
        "post", "/v1/predict", "predict", "One patient's answer, recorded before it is sent", ref("Answer"),
        _ASKED, body=ref("PredictRequest"), once_only=True,
    ),
    _Operation(
        "post", "/v1/rank", "rank", "One patient's drugs or treatments ranked, recorded before it is sent",
        ref("Ranking"), _ASKED, body=ref("RankRequest"), once_only=True,
    ),
    _Operation(
        "post", "/v1/simulate", "simulate", "What becomes of one patient's answer when something is changed",
        ref("Simulation"), _ASKED, body=ref("SimulateRequest"), once_only=True,
    ),
    _Operation(
        "post", "/v1/batch", "batch", "Many patients, a request a line; answered in order, each on its own",
        ref("BatchLine"), ("body-too-slow", "unsupported-media-type", "not-ready"),
        media="application/x-ndjson", body=ref("PredictRequest"),
    ),
    _Operation(
        "get", "/v1/models", "models", "Every model in service", closed({"models": list_of(ref("Model"))})
    ),
    _Operation(
        "get", "/v1/models/{study}", "model", "One model and its card", ref("Model"), ("unknown-study",)
    ),
    _Operation(
        "get", "/v1/models/{study}/schema", "schema", "JSON Schema of what to send, with an example", ANY,
        ("unknown-study",),
    ),
    _Operation(
        "get", "/v1/predictions/{id}", "prediction", "An answer as it was given",
        {"oneOf": [ref("Answer"), ref("Ranking"), ref("Simulation")]},
        ("unknown-prediction", "not-ready"),
    ),
    _Operation(
        "post", "/v1/predictions/{id}/outcomes", "report_outcome", "What became of the patient of an answer",
        ref("Outcome"), _REPORTED, body=ref("OutcomeReport"), status=201, once_only=True,
    ),
    _Operation(
        "get", "/v1/predictions/{id}/outcomes", "outcomes", "What was reported of an answer, oldest first",
        closed({"outcomes": list_of(ref("Outcome"))}), ("unknown-prediction", "not-ready"),
    ),
    _Operation(
        "post", "/v1/predictions/{id}/feedback", "give_feedback", "What was done with an answer",
        ref("Feedback"), _REPORTED, body=ref("FeedbackReport"), status=201, once_only=True,
    ),
    _Operation(
        "get", "/v1/predictions/{id}/feedback", "feedback", "What was said of an answer, oldest first",
        closed({"feedback": list_of(ref("Feedback"))}), ("unknown-prediction", "not-ready"),
    ),
    _Operation(
        "get", "/review/{id}", "review", "The page on which a prediction is inspected", TEXT,
        ("unknown-prediction", "not-ready"), media="text/html",
    ),
    _Operation(
        "get", "/livez", "livez", "The process answers", closed({"live": {"const": True}}), is_open=True
    ),
    _Operation(
        "get", "/readyz", "readyz", "Models are loaded, proved and warm",
        closed({"ready": {"const": True}, "studies": list_of(TEXT)}), ("not-ready",), is_open=True,
    ),
    _Operation("get", "/metrics", "metrics", "Counts in Prometheus' text format", TEXT, media="text/plain"),
    _Operation("get", "/openapi.json", "openapi", "This document", ANY, is_open=True),
)  # fmt: skip

"""The OpenAPI 3.1 document: every route, and every problem that it can answer with."""

from __future__ import annotations

from dataclasses import dataclass

from features.synthetic import probe_documents
from serving.errors import KINDS, MEDIA_TYPE
from serving.fhir import accept
from serving.once_only import LONGEST_KEY
from serving.openapi_closer import CLOSER
from serving.openapi_files import file_bodies, query_fields
from serving.openapi_parts import ANY, TEXT, Schema, closed, list_of, ref
from serving.openapi_schemas import SCHEMAS

_FHIR = accept.MEDIA_TYPE.decode()
_ALWAYS = ("body-too-large", "internal", "overloaded")
_GUARDED = (
    "unauthenticated", "invalid-credentials", "not-permitted", "issuer-unavailable", "access-unavailable"
)  # fmt: skip
_ONCE = ("idempotency-in-progress", "idempotency-mismatch")
_KEY: Schema = {
    "name": "Idempotency-Key", "in": "header", "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[ -~]+$"},
    "description": "The same key with the same body is answered once; for 24 hours that answer comes again.",
}  # fmt: skip
_BEARER = "A token of a trusted issuer (OpenID Connect, SMART backend services), or an API key."


@dataclass(frozen=True, slots=True)
class _Operation:
    """One route: what it answers with, and the problems beyond those that every route may have.

    `asked` are the query's fields where the patient may come as a bare bundle.
    """

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
    query: tuple[str, ...] = ()
    sent_as: str = ""
    as_fhir: bool = False
    takes_files: bool = False
    asked: tuple[str, ...] = ()


def openapi_document(has_access: bool = False) -> Schema:
    """The whole document; of a service with access configured it says where a key or token is needed."""
    paths: dict[str, Schema] = {}
    for operation in _OPERATIONS:
        told = _operation(operation)
        if has_access and not operation.is_open:
            told["security"] = [{"bearer": []}] if operation.path != "/metrics" else [{"bearer": []}, {}]
        paths.setdefault(operation.path, {})[operation.method] = told
    schemas = SCHEMAS | CLOSER
    asked = {name: schemas[name] | {"examples": examples} for name, examples in _examples().items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rxplain",
            "version": "1",
            "description": "Predicts drug response, explained; answers inform and do not order. For electronic records"
            " there are CDS Hooks beside this, which GET /cds-services describes.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas | asked,
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
        "ExplainRequest": [
            patient | {"explain": "top", "top": 3, "levels": ["gene", "pathway"]},
            patient | {"explain": "full"},
        ],
        "SimilarRequest": [patient, patient | {"explain": "top", "level": 0.8}],
        "RankRequest": [patient, patient | {"options": ["warfarin"], "level": 0.8, "explain": "top"}],
    }


def _operation(o: _Operation) -> Schema:
    found: Schema = {"operationId": o.name, "summary": o.summary, "responses": _responses(o)}
    names = [part[1:-1] for part in o.path.split("/") if part.startswith("{")]
    asked: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    asked += [{"name": name, "in": "query", "required": False, "schema": TEXT} for name in o.query]
    asked += query_fields(o.asked)
    if asked or o.once_only:
        found["parameters"] = [*asked, *([_KEY] if o.once_only else [])]
    if o.body is not None:
        media = o.sent_as or (o.media if o.media.endswith("json") else "application/json")
        files = file_bodies(o.body, bool(o.asked)) if o.takes_files else {}
        found["requestBody"] = {"required": True, "content": {media: {"schema": o.body}, **files}}
    return found


def _responses(o: _Operation) -> Schema:
    content: Schema = {o.media: {"schema": o.answer}}
    if o.as_fhir:
        content[_FHIR] = {"schema": ref("FhirBundle")}
    found: Schema = {str(o.status): {"description": o.summary, "content": content}}
    by_status: dict[int, list[str]] = {}
    for kind in (*o.problems, *(_ONCE if o.once_only else ()), *(() if o.is_open else _GUARDED), *_ALWAYS):
        by_status.setdefault(KINDS[kind].status, []).append(kind)
    for status, kinds in sorted(by_status.items()):
        types = {"properties": {"type": {"enum": [f"urn:rxplain:problem:{kind}" for kind in kinds]}}}
        schema = {"allOf": [ref("Problem"), types]}
        titles = "; ".join(KINDS[kind].title for kind in kinds)
        told = {MEDIA_TYPE: {"schema": schema}, _FHIR: {"schema": ref("OperationOutcome")}}
        response: Schema = {"description": titles, "content": told}
        if status == 401:
            response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
        if status == 503:
            response["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
        found[str(status)] = response
    return found


_ASKED = (
    "malformed-json", "malformed-form", "unknown-study", "body-too-slow", "unsupported-media-type",
    "invalid-request", "withheld", "not-ready", "audit-unavailable",
)  # fmt: skip
_REPORTED = (
    "malformed-json", "unknown-prediction", "unknown-study", "body-too-slow", "unsupported-media-type",
    "invalid-request", "not-ready", "audit-unavailable",
)  # fmt: skip
_SENT = (
    "malformed-form", "body-too-slow", "unsupported-media-type", "not-ready",
    "audit-unavailable",
)  # fmt: skip
_FORM = "application/x-www-form-urlencoded"
_LIST = ("show", "kind", "study", "notice", "width", "given", "who", "before", "after")


def _form(path: str, name: str, summary: str, problems: tuple[str, ...], is_open: bool = False) -> _Operation:
    """A form of a page, which leads on to a page."""
    told = (*problems, *_SENT, *(("not-permitted",) if is_open else ()))
    return _Operation(
        "post", path, name, summary, TEXT, told, "text/html", ANY, is_open, status=303, sent_as=_FORM
    )


_RIGHTS = (
    "malformed-json", "body-too-slow", "unsupported-media-type", "invalid-request", "not-ready",
    "audit-unavailable",
)  # fmt: skip
_OPERATIONS = (
    _Operation(
        "post", "/v1/predict", "predict", "One patient's answer, recorded before it is sent", ref("Answer"),
        _ASKED, body=ref("PredictRequest"), once_only=True, as_fhir=True, takes_files=True,
        asked=("study", "drug", "level", "explain"),
    ),
    _Operation(
        "post", "/v1/rank", "rank", "One patient's drugs or treatments ranked, recorded before it is sent",
        ref("Ranking"), _ASKED, body=ref("RankRequest"), once_only=True, as_fhir=True, takes_files=True,
        asked=("study", "level", "explain", "options"),
    ),
    _Operation(
        "post", "/v1/simulate", "simulate", "What becomes of one patient's answer when something is changed",
        ref("Simulation"), _ASKED, body=ref("SimulateRequest"), once_only=True, as_fhir=True,
        takes_files=True,
    ),
    _Operation(
        "post", "/v1/explain", "explain", "One patient's answer by feature, gene, pathway and block",
        ref("Explained"), _ASKED, body=ref("ExplainRequest"), once_only=True, as_fhir=True,
        takes_files=True,
    ),
    _Operation(
        "post", "/v1/similar", "similar", "Training patients near one patient, in aggregate, never rows",
        ref("Similar"), (*_ASKED, "not-available"), body=ref("SimilarRequest"), once_only=True,
        as_fhir=True, takes_files=True,
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
        {"anyOf": [ref(name) for name in ("Answer", "Ranking", "Simulation", "Explained", "Similar")]},
        ("unknown-prediction", "not-ready"), as_fhir=True,
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
        "post", "/v1/predictions/{id}/verdicts", "sign", "Signing an answer off, or against it",
        ref("Verdict"), _REPORTED, body=ref("VerdictGiven"), status=201, once_only=True,
    ),
    _Operation(
        "get", "/v1/predictions/{id}/verdicts", "verdicts", "Who signed an answer, oldest first",
        ref("Verdicts"), ("unknown-prediction", "not-ready"),
    ),
    _Operation(
        "get", "/review", "worklist", "The page of answers to review", TEXT, ("not-ready",),
        media="text/html", query=_LIST,
    ),
    _form("/review/find", "find", "The answers about a patient", ()),
    _Operation("get", "/review/models", "models_page", "The page of models", TEXT, media="text/html"),
    _Operation(
        "get", "/review/models/{study}", "model_page", "The page of one model", TEXT, ("unknown-study",),
        media="text/html",
    ),
    _Operation(
        "get", "/review/{id}/pdf", "paper", "An answer and its verdicts as PDF", TEXT,
        ("unknown-prediction", "not-ready"), media="application/pdf",
    ),
    _Operation(
        "get", "/review/{id}/compare", "compare", "The page of two answers", TEXT,
        ("unknown-prediction", "invalid-request", "not-ready"), media="text/html", query=("with",),
    ),
    _Operation(
        "get", "/review/session", "sign_in_page", "The page on which a browser shows its key", TEXT,
        media="text/html", is_open=True,
    ),
    _form("/review/session", "sign_in", "A key for a cookie", (), is_open=True),
    _form("/review/session/end", "sign_out", "The end of a cookie", (), is_open=True),
    _form("/review/{id}/verdicts", "sign_on_page", "A verdict from a page", ("unknown-prediction",)),
    _form(
        "/review/{id}/what-if", "what_if", "A changed patient from a page",
        ("unknown-prediction", "unknown-study", "withheld"),
    ),
    _Operation(
        "post", "/v1/patients/export", "export_patient", "Everything kept of one patient, a row a line",
        ref("PatientRow"), _RIGHTS, media="application/x-ndjson", body=ref("PatientRequest"),
        sent_as="application/json",
    ),
    _Operation(
        "post", "/v1/patients/erase", "erase_patient", "One patient erased; the chain still holds",
        ref("Erasure"), _RIGHTS, body=ref("PatientRequest"),
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

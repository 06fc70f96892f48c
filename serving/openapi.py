"""The OpenAPI 3.1 document: every route, and every problem that it can answer with."""

from __future__ import annotations

import json
from importlib import resources

from features.synthetic import probe_documents
from serving.errors import KINDS, MEDIA_TYPE
from serving.fhir import accept
from serving.once_only import LONGEST_KEY
from serving.openapi_closer import CLOSER
from serving.openapi_files import file_bodies, query_fields
from serving.openapi_operations import OPERATIONS, Operation
from serving.openapi_parts import TEXT, Schema, ref
from serving.openapi_schemas import SCHEMAS

_FHIR = accept.MEDIA_TYPE.decode()
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


def openapi_document(has_access: bool = False) -> Schema:
    """The whole document; of a service with access configured it says where a key or token is needed."""
    paths: dict[str, Schema] = {}
    for operation in OPERATIONS:
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
            "description": "Predicts drug response, explained; answers inform and do not order. What "
            "electronic records ask by CDS Hooks is described by GET /cds-services.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas | asked,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": _BEARER}},
        },
    }


def _examples() -> dict[str, list[Schema]]:
    """Requests that a service of the shipped warfarin study answers, by the name of their schema."""
    patient: Schema = {"study": "warfarin", "patient": probe_documents()[0] | {"patient_id": "example-1"}}
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
        "OutcomeReport": [{"name": "weekly_dose", "value": 31.5, "unit": "mg/wk", "observed": "2026-03-01"}],
        "FeedbackReport": [{"kind": "agreed"}, {"kind": "overridden", "detail": "tolerated less before"}],
        "VerdictGiven": [
            {"verdict": "agree"},
            {"verdict": "disagree", "reasons": ["too-uncertain"], "comment": "the dose before was lower"},
        ],
        "ModelVerdictGiven": [
            {"version": 1, "verdict": "agree", "reasons": ["figures-good-enough"]},
            {"version": 1, "verdict": "disagree", "comment": "not tested on children"},
        ],
        "PatientRequest": [{"patient_id": "example-1", "reason": "ticket 12"}],
        "RankRequest": [patient, patient | {"options": ["warfarin"], "level": 0.8, "explain": "top"}],
    }


def _operation(o: Operation) -> Schema:
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


def _responses(o: Operation) -> Schema:
    example = {"example": _ANSWERED[o.name]} if o.name in _ANSWERED else {}
    content: Schema = {o.media: {"schema": o.answer, **example}}
    if o.as_fhir:
        content[_FHIR] = {"schema": ref("FhirBundle")}
    answer: Schema = {"description": o.summary, "content": content}
    found: Schema = {str(o.status): answer | ({"links": links} if (links := _links(o)) else {})}
    by_status: dict[int, list[str]] = {}
    often = (*_ONCE,) * o.once_only + (() if o.is_open else _GUARDED) + ("not-found",) * ("{" in o.path)
    for kind in (*o.problems, *often, *_ALWAYS):
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


def _links(o: Operation) -> Schema:
    """What can be asked next: of an answer all that takes its id, of the models one of them."""
    if o.name == "models":
        name, value = "study", "$response.body#/models/0/study"
    elif o.once_only and "{" not in o.path:
        name, value = "id", "$response.body#/id"
    else:
        return {}
    next_ones = [one.name for one in OPERATIONS if f"{{{name}}}" in one.path]
    return {next_one: {"operationId": next_one, "parameters": {name: value}} for next_one in next_ones}

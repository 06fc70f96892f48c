"""The OpenAPI 3.1 document: every route, and every problem that it can answer with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from features.synthetic import probe_documents
from serving.errors import KINDS, MEDIA_TYPE
from serving.schemas import OPTIONS

Schema = dict[str, object]
_ALWAYS = ("body-too-large", "internal", "overloaded")


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


def openapi_document() -> Schema:
    """The whole document."""
    paths: dict[str, Schema] = {}
    for operation in _OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    example = {"study": "warfarin", "patient": probe_documents()[0], "level": 0.9, "explain": "full"}
    request = _SCHEMAS["PredictRequest"] | {"examples": [example]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rxplain",
            "version": "1",
            "description": "Predicts drug response, explained; answers inform and do not order.",
        },
        "paths": paths,
        "components": {"schemas": _SCHEMAS | {"PredictRequest": request}},
    }


def _operation(o: _Operation) -> Schema:
    found: Schema = {"operationId": o.name, "summary": o.summary, "responses": _responses(o)}
    names = [part[1:-1] for part in o.path.split("/") if part.startswith("{")]
    if names:
        found["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if o.body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": o.body}}}
    return found


def _responses(o: _Operation) -> Schema:
    found: Schema = {"200": {"description": o.summary, "content": {o.media: {"schema": o.answer}}}}
    by_status: dict[int, list[str]] = {}
    for kind in (*o.problems, *_ALWAYS):
        by_status.setdefault(KINDS[kind].status, []).append(kind)
    for status, kinds in sorted(by_status.items()):
        types = {"properties": {"type": {"enum": [f"urn:rxplain:problem:{kind}" for kind in kinds]}}}
        schema = {"allOf": [_ref("Problem"), types]}
        titles = "; ".join(KINDS[kind].title for kind in kinds)
        response: Schema = {"description": titles, "content": {MEDIA_TYPE: {"schema": schema}}}
        if status == 503:
            response["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
        found[str(status)] = response
    return found


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Mapping[str, object], optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(kind: str) -> Schema:
    return {"type": [kind, "null"]}


_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_COUNT: Schema = {"type": "integer"}
_SUMS: Schema = {"type": "object", "additionalProperties": _NUMBER}
_ANY: Schema = {"type": "object"}

_SCHEMAS: dict[str, Schema] = {
    "Problem": _object(
        {
            "type": _TEXT, "title": _TEXT, "status": _COUNT, "detail": _TEXT,
            "faults": _list(_object({"pointer": _TEXT, "what": _TEXT, "remedy": _TEXT})),
        }
    ),
    "PredictRequest": _object(
        {
            "study": _TEXT,
            "patient": {"type": "object", "description": "See GET /v1/models/{study}/schema."},
            **OPTIONS,
        },
        optional=("level", "explain"),
    ),
    "Interval": _object(
        {"level": _NUMBER, "lower": _or_null("number"), "upper": _or_null("number")}
    ) | {"description": "An end that is null is unbounded."},
    "Notice": _object(
        {
            "code": _TEXT, "text": _TEXT, "severity": {"enum": ["info", "caution", "decline"]},
            "feature": _or_null("string"),
        }
    ),
    "Contribution": _object(
        {
            "name": _TEXT, "label": _TEXT, "block": _TEXT, "gene": _or_null("string"),
            "value": _or_null("number"), "unit": _TEXT, "contribution": _NUMBER,
        }
    ),
    "Explanation": _object(
        {
            "scale": _TEXT, "base": _NUMBER, "margin": _NUMBER, "features": _list(_ref("Contribution")),
            "genes": _SUMS, "blocks": _SUMS, "other_features": _NUMBER,
        },
        optional=("other_features",),
    ) | {"description": "base + contributions (+ other_features) = margin, on `scale`."},
    "Basis": _object(
        {
            "inputs_used": _list(_TEXT), "missing": _list(_TEXT), "imputed": _list(_TEXT),
            "unrecorded_as_absent": _list(_TEXT), "model_version": _COUNT, "bundle_digest": _TEXT,
            "population": _object({"n": _COUNT, "fingerprint": _TEXT}), "trained_on": _TEXT,
            "performance": _ANY,
        }
    ),
    "Answer": _object(
        {
            "id": _TEXT, "study": _TEXT, "patient_id": _TEXT, "drug": _TEXT, "outcome": _TEXT,
            "value": _or_null("number"), "unit": _TEXT,
            "interval": {"oneOf": [_ref("Interval"), {"type": "null"}]},
            "declined": {"type": "boolean"}, "notices": _list(_ref("Notice")),
            "explanation": {"oneOf": [_ref("Explanation"), {"type": "null"}]},
            "basis": _ref("Basis"), "advice": _TEXT,
        }
    ),
    "Model": _object(
        {
            "study": _TEXT, "drug": _TEXT, "outcome": _TEXT, "unit": _TEXT, "version": _COUNT,
            "digest": _TEXT,
            "created": _TEXT, "n_features": _COUNT, "basis": _ANY, "card": _ANY,
        },
        optional=("card",),
    ),
}  # fmt: skip

_OPERATIONS = (
    _Operation(
        "post", "/v1/predict", "predict", "One patient's answer, recorded before it is sent", _ref("Answer"),
        (
            "malformed-json", "unknown-study", "body-too-slow", "unsupported-media-type", "invalid-request",
            "withheld", "not-ready", "audit-unavailable",
        ),
        body=_ref("PredictRequest"),
    ),
    _Operation(
        "get", "/v1/models", "models", "Every model in service", _object({"models": _list(_ref("Model"))})
    ),
    _Operation(
        "get", "/v1/models/{study}", "model", "One model and its card", _ref("Model"), ("unknown-study",)
    ),
    _Operation(
        "get", "/v1/models/{study}/schema", "schema", "JSON Schema of what to send, with an example", _ANY,
        ("unknown-study",),
    ),
    _Operation(
        "get", "/v1/predictions/{id}", "prediction", "An answer as it was given", _ref("Answer"),
        ("unknown-prediction", "not-ready"),
    ),
    _Operation(
        "get", "/review/{id}", "review", "The page on which a prediction is inspected", _TEXT,
        ("unknown-prediction", "not-ready"), media="text/html",
    ),
    _Operation("get", "/livez", "livez", "The process answers", _object({"live": {"const": True}})),
    _Operation(
        "get", "/readyz", "readyz", "Models are loaded, proved and warm",
        _object({"ready": {"const": True}, "studies": _list(_TEXT)}), ("not-ready",),
    ),
    _Operation("get", "/metrics", "metrics", "Counts in Prometheus' text format", _TEXT, media="text/plain"),
    _Operation("get", "/openapi.json", "openapi", "This document", _ANY),
)  # fmt: skip

"""Every operation of the OpenAPI document: what it reads, answers with and can fail with."""

from __future__ import annotations

from dataclasses import dataclass

from serving.openapi_parts import ANY, TEXT, Schema, closed, list_of, ref


@dataclass(frozen=True, slots=True)
class Operation:
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


_ASKED = (
    "malformed-json", "malformed-form", "unknown-study", "body-too-slow", "unsupported-media-type",
    "invalid-request", "withheld", "not-ready", "audit-unavailable",
)  # fmt: skip
_REPORTED = (
    "malformed-json", "unknown-prediction", "unknown-study", "body-too-slow", "unsupported-media-type",
    "invalid-request", "not-ready", "audit-unavailable",
)  # fmt: skip
_LIST = ("show", "kind", "study", "notice", "width", "given", "who", "before", "after")
_RIGHTS = (
    "malformed-json", "body-too-slow", "unsupported-media-type", "invalid-request", "not-ready",
    "audit-unavailable",
)  # fmt: skip
OPERATIONS = (
    Operation(
        "post", "/v1/predict", "predict", "One patient's answer, recorded before it is sent", ref("Answer"),
        _ASKED, body=ref("PredictRequest"), once_only=True, as_fhir=True, takes_files=True,
        asked=("study", "drug", "level", "explain"),
    ),
    Operation(
        "post", "/v1/rank", "rank", "One patient's drugs or treatments ranked, recorded before it is sent",
        ref("Ranking"), _ASKED, body=ref("RankRequest"), once_only=True, as_fhir=True, takes_files=True,
        asked=("study", "level", "explain", "options"),
    ),
    Operation(
        "post", "/v1/simulate", "simulate", "What becomes of one patient's answer when something is changed",
        ref("Simulation"), _ASKED, body=ref("SimulateRequest"), once_only=True, as_fhir=True,
        takes_files=True,
    ),
    Operation(
        "post", "/v1/explain", "explain", "One patient's answer by feature, gene, pathway and block",
        ref("Explained"), _ASKED, body=ref("ExplainRequest"), once_only=True, as_fhir=True,
        takes_files=True,
    ),
    Operation(
        "post", "/v1/similar", "similar", "Training patients near one patient, in aggregate, never rows",
        ref("Similar"), (*_ASKED, "not-available"), body=ref("SimilarRequest"), once_only=True,
        as_fhir=True, takes_files=True,
    ),
    Operation(
        "post", "/v1/batch", "batch", "Many patients, a request a line; answered in order, each on its own",
        ref("BatchLine"), ("body-too-slow", "unsupported-media-type", "not-ready"),
        media="application/x-ndjson", body=ref("PredictRequest"),
    ),
    Operation(
        "get", "/v1/models", "models", "Every model in service", closed({"models": list_of(ref("Model"))})
    ),
    Operation(
        "get", "/v1/models/{study}", "model", "One model and its card", ref("Model"), ("unknown-study",)
    ),
    Operation(
        "get", "/v1/models/{study}/schema", "schema", "JSON Schema of what to send, with an example", ANY,
        ("unknown-study",),
    ),
    Operation(
        "post", "/v1/models/{study}/verdicts", "sign_model", "Signing a model version off, or against it",
        ref("ModelVerdict"), _REPORTED, body=ref("ModelVerdictGiven"), status=201, once_only=True,
    ),
    Operation(
        "get", "/v1/models/{study}/verdicts", "model_verdicts", "Who signed which version of a model",
        ref("ModelVerdicts"), ("unknown-study", "not-ready"),
    ),
    Operation(
        "get", "/v1/predictions/{id}", "prediction", "An answer as it was given",
        {"anyOf": [ref(name) for name in ("Answer", "Ranking", "Simulation", "Explained", "Similar")]},
        ("unknown-prediction", "not-ready"), as_fhir=True,
    ),
    Operation(
        "post", "/v1/predictions/{id}/outcomes", "report_outcome", "What became of the patient of an answer",
        ref("Outcome"), _REPORTED, body=ref("OutcomeReport"), status=201, once_only=True,
    ),
    Operation(
        "get", "/v1/predictions/{id}/outcomes", "outcomes", "What was reported of an answer, oldest first",
        closed({"outcomes": list_of(ref("Outcome"))}), ("unknown-prediction", "not-ready"),
    ),
    Operation(
        "post", "/v1/predictions/{id}/feedback", "give_feedback", "What was done with an answer",
        ref("Feedback"), _REPORTED, body=ref("FeedbackReport"), status=201, once_only=True,
    ),
    Operation(
        "get", "/v1/predictions/{id}/feedback", "feedback", "What was said of an answer, oldest first",
        closed({"feedback": list_of(ref("Feedback"))}), ("unknown-prediction", "not-ready"),
    ),
    Operation(
        "post", "/v1/predictions/{id}/verdicts", "sign", "Signing an answer off, or against it",
        ref("Verdict"), _REPORTED, body=ref("VerdictGiven"), status=201, once_only=True,
    ),
    Operation(
        "get", "/v1/predictions/{id}/verdicts", "verdicts", "Who signed an answer, oldest first",
        ref("Verdicts"), ("unknown-prediction", "not-ready"),
    ),
    Operation(
        "get", "/review", "worklist", "The page of answers to review", TEXT, ("not-ready",),
        media="text/html", query=_LIST,
    ),
    Operation("get", "/review/models", "models_page", "The page of models", TEXT, media="text/html"),
    Operation(
        "get", "/review/models/{study}", "model_page", "The page of one model", TEXT,
        ("unknown-study", "not-ready"), media="text/html", query=("version",),
    ),
    Operation(
        "get", "/review/{id}/pdf", "paper", "An answer and its verdicts as PDF", TEXT,
        ("unknown-prediction", "not-ready"), media="application/pdf",
    ),
    Operation(
        "get", "/review/{id}/fhir", "fhir_file", "An answer as a FHIR Bundle, for a file", ref("FhirBundle"),
        ("unknown-prediction", "not-ready"), media="application/fhir+json",
    ),
    Operation(
        "get", "/review/{id}/compare", "compare", "The page of two answers", TEXT,
        ("unknown-prediction", "invalid-request", "not-ready"), media="text/html", query=("with",),
    ),
    Operation(
        "get", "/review/{id}/near", "near", "The page of patients trained on who are like the patient", TEXT,
        ("unknown-prediction", "not-ready"), media="text/html",
    ),
    Operation(
        "get", "/review/session", "sign_in_page", "The page on which a browser shows its key", TEXT,
        media="text/html", is_open=True,
    ),
    Operation(
        "post", "/v1/patients/export", "export_patient", "Everything kept of one patient, a row a line",
        ref("PatientRow"), _RIGHTS, media="application/x-ndjson", body=ref("PatientRequest"),
        sent_as="application/json",
    ),
    Operation(
        "post", "/v1/patients/erase", "erase_patient", "One patient erased; the chain still holds",
        ref("Erasure"), _RIGHTS, body=ref("PatientRequest"),
    ),
    Operation(
        "get", "/review/{id}", "review", "The page on which a prediction is inspected", TEXT,
        ("unknown-prediction", "not-ready"), media="text/html",
    ),
    Operation(
        "get", "/livez", "livez", "The process answers", closed({"live": {"const": True}}), is_open=True
    ),
    Operation(
        "get", "/readyz", "readyz", "Models are loaded, proved and warm",
        closed({"ready": {"const": True}, "studies": list_of(TEXT)}), ("not-ready",), is_open=True,
    ),
    Operation("get", "/metrics", "metrics", "Counts in Prometheus' text format", TEXT, media="text/plain"),
    Operation("get", "/openapi.json", "openapi", "This document", ANY, is_open=True),
)  # fmt: skip

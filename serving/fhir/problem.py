"""A problem as a FHIR OperationOutcome, for clients that asked for FHIR."""

from __future__ import annotations

import json
from collections.abc import Mapping

from serving.errors import KINDS, Problem
from serving.fhir.terms import OWN, Json, coding, concept

_BY_STATUS: Mapping[int, str] = {
    400: "structure", 401: "login", 403: "forbidden", 404: "not-found", 405: "not-supported", 408: "timeout",
    409: "conflict", 413: "too-long", 415: "not-supported", 422: "invalid", 500: "exception",
    503: "transient",
}  # fmt: skip


def operation_outcome(problem: Problem) -> bytes:
    """The OperationOutcome: one issue for the problem, and one for each fault, with field and remedy."""
    code = _BY_STATUS.get(problem.status, "processing")
    severity = "fatal" if problem.status >= 500 else "error"
    kind = concept(coding(f"{OWN}:problem", problem.kind, KINDS[problem.kind].title), text=problem.detail)
    issues: list[Json] = [{"severity": severity, "code": code, "details": kind}]
    for fault in problem.faults:
        said = f"{fault.what}; {fault.remedy}" if fault.remedy else fault.what
        issue = {"severity": "error", "code": "invalid", "details": concept(text=said)}
        issues.append(issue | ({"diagnostics": fault.where} if fault.where else {}))
    return json.dumps({"resourceType": "OperationOutcome", "issue": issues}, allow_nan=False).encode()

"""What a client is told when no answer can be given: RFC 9457 problem documents.

A problem names fields and remedies and never repeats what was sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from features.errors import Fault, IntegrityError, RxplainError

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of problem: its HTTP status and its title."""

    status: int
    title: str


KINDS: Mapping[str, Kind] = {
    "malformed-json": Kind(400, "The body is not strict JSON"),
    "malformed-form": Kind(400, "The body is no form"),
    "malformed-hook": Kind(400, "The request is none of this CDS hook"),
    "invalid-http": Kind(400, "The request is not valid HTTP"),
    "unauthenticated": Kind(401, "Nobody is named who asks"),
    "invalid-credentials": Kind(401, "The key or token proves nobody"),
    "not-permitted": Kind(403, "This caller may not do that"),
    "not-found": Kind(404, "There is nothing at this address"),
    "unknown-study": Kind(404, "No served model answers this study"),
    "not-available": Kind(404, "The model in service does not keep what is asked for"),
    "unknown-prediction": Kind(404, "No prediction has this id"),
    "unknown-service": Kind(404, "There is no such CDS service"),
    "method-not-allowed": Kind(405, "This address does not answer this method"),
    "body-too-slow": Kind(408, "The body did not arrive in time"),
    "idempotency-in-progress": Kind(409, "A request with this idempotency key is still at work"),
    "prefetch-missing": Kind(412, "What must be prefetched is missing"),
    "body-too-large": Kind(413, "The body is larger than this service reads"),
    "unsupported-media-type": Kind(415, "Another media type is read here"),
    "invalid-request": Kind(422, "The request cannot be understood"),
    "idempotency-mismatch": Kind(422, "This idempotency key came with another request"),
    "internal": Kind(500, "The service failed; nothing was answered"),
    "withheld": Kind(500, "The answer contradicted itself and is withheld"),
    "overloaded": Kind(503, "The service has too much to do"),
    "not-ready": Kind(503, "The service is not ready"),
    "issuer-unavailable": Kind(503, "Who asks cannot be proved now"),
    "access-unavailable": Kind(503, "Who asks cannot be looked up now"),
    "audit-unavailable": Kind(503, "The answer could not be recorded and is withheld"),
}
_CHALLENGES = {
    "unauthenticated": b'Bearer realm="rxplain"',
    "invalid-credentials": b'Bearer realm="rxplain", error="invalid_token"',
}
_BY_STATUS = {400: "invalid-http", 404: "not-found", 405: "method-not-allowed", 503: "not-ready"}


class RequestError(RxplainError):
    """A request that gets a problem document instead of an answer; `kind` is a key of `KINDS`."""

    def __init__(self, kind: str, detail: str, faults: Iterable[Fault] = (), retry_after_s: int = 0) -> None:
        self.kind = kind
        self.retry_after_s = retry_after_s
        super().__init__(detail, faults)


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem as it goes out: status, headers and the JSON document."""

    kind: str
    detail: str
    faults: tuple[Fault, ...] = ()
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def status(self) -> int:
        """The HTTP status."""
        return KINDS[self.kind].status

    def body(self) -> bytes:
        """The problem document as JSON."""
        faults = [{"pointer": f.where, "what": f.what, "remedy": f.remedy} for f in self.faults]
        document = {
            "type": f"urn:rxplain:problem:{self.kind}",
            "title": KINDS[self.kind].title,
            "status": self.status,
            "detail": self.detail,
            "faults": faults,
        }
        return json.dumps(document, allow_nan=False).encode()


def problem_from(error: Exception) -> Problem:
    """The problem that tells of an exception, without its text when the text is not ours."""
    if isinstance(error, RequestError):
        return Problem(error.kind, error.summary, error.faults, _headers(error))
    if isinstance(error, IntegrityError):
        return Problem("withheld", "No number is given. Please report this prediction to the maintainers.")
    return Problem("internal", "An unexpected error was logged by its type. Try again, then report it.")


def problem_of_status(status: int) -> Problem:
    """The problem for a bare status given by a framework."""
    kind = _BY_STATUS.get(status, "internal" if status >= 500 else "invalid-http")
    return Problem(kind, f"{KINDS[kind].title}. The addresses are listed in /openapi.json.")


def _headers(error: RequestError) -> tuple[tuple[bytes, bytes], ...]:
    found = []
    if error.retry_after_s:
        found.append((b"retry-after", str(error.retry_after_s).encode()))
    if error.kind in _CHALLENGES:
        found.append((b"www-authenticate", _CHALLENGES[error.kind]))
    if error.kind in ("body-too-large", "body-too-slow"):
        found.append((b"connection", b"close"))
    return tuple(found)

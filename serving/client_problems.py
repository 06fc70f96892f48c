"""What a client of the service raises: the service's problem documents, and answers that never came.

    ServiceError
    ├── NoAnswer             nothing whole came back: refused, cut off, or too late
    └── ServiceProblem       a problem document, with its `code`, `status` and `faults`
        ├── InvalidRequest   what was sent cannot be understood (400, 408, 409, 413, 415, 422)
        ├── NotPermitted     the key or token proves nobody, or not enough (401, 403)
        ├── NotFound         no such study, prediction or address (404, 405)
        ├── Overloaded       too much to do, or not ready (429, 503), even after asking again
        └── ServiceFailed    the service failed or withheld the answer (500 and whatever else)

None repeats what was sent: faults name fields (`where` is a JSON pointer), never a patient's value.
"""

from __future__ import annotations

import json

from features.errors import Fault, RxplainError

_URN = "urn:rxplain:problem:"


class ServiceError(RxplainError):
    """The service was asked and gave no answer."""


class NoAnswer(ServiceError):
    """Nothing whole came back; whether it was recorded is not known unless the same key is sent again."""


class ServiceProblem(ServiceError):
    """A problem that the service told: its stable `code`, HTTP `status`, `faults` and `retry_after_s`."""

    def __init__(
        self, status: int, code: str, detail: str, faults: tuple[Fault, ...] = (), retry_after_s: float = 0.0
    ) -> None:
        self.status, self.code, self.retry_after_s = status, code, retry_after_s
        super().__init__(f"{status} {code}: {detail}", faults)


class InvalidRequest(ServiceProblem):
    """What was sent cannot be understood; `faults` say where, what and what mends it."""


class NotPermitted(ServiceProblem):
    """The key or token proves nobody, or somebody who may not do that."""


class NotFound(ServiceProblem):
    """No such study, prediction or address."""


class Overloaded(ServiceProblem):
    """The service has too much to do, or is not ready; `retry_after_s` says when to ask again."""


class ServiceFailed(ServiceProblem):
    """The service failed, or withheld an answer that contradicted itself."""


_BY_STATUS: dict[int, type[ServiceProblem]] = {
    **dict.fromkeys((400, 408, 409, 413, 415, 422), InvalidRequest),
    **dict.fromkeys((401, 403), NotPermitted),
    **dict.fromkeys((404, 405), NotFound),
    **dict.fromkeys((429, 503), Overloaded),
}


def problem_of(status: int, body: bytes, retry_after: str | None = None) -> ServiceProblem:
    """The problem in a response; one that is no problem document of ours is told by its status alone."""
    waits = float(retry_after) if retry_after is not None and retry_after.isdigit() else 0.0
    made = _BY_STATUS.get(status, ServiceFailed)
    try:
        document = json.loads(body)
        told = tuple(Fault(one["pointer"], one["what"], one["remedy"]) for one in document["faults"])
        code, detail = document["type"].removeprefix(_URN), document["detail"]
    except (ValueError, TypeError, KeyError, AttributeError):
        return made(status, "unknown", "no problem document came with this status", (), waits)
    return made(status, code, detail, told, waits)

"""Looking at what is kept of one patient, which leaves a row of who looked, found or not."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request

from serving.access.caller import caller_of
from serving.backend import Backend
from serving.errors import KINDS, RequestError
from serving.store.records import AccessRecord, PredictionRecord


async def looked_at(backend: Backend, request: Request) -> PredictionRecord:
    """The recorded answer that the path names, once it is on disk who asked for it.

    Raises the 404 problem, noted as well, when the caller's tenant has no such answer.
    """
    prediction_id = request.path_params["id"]
    try:
        record = backend.record(prediction_id, caller_of(request.scope).tenant)
    except RequestError as error:
        await _note(backend, request, KINDS[error.kind].status, None)
        raise
    await _note(backend, request, 200, record.id)
    return record


async def _note(backend: Backend, request: Request, status: int, record_id: str | None) -> None:
    caller, route = caller_of(request.scope), request.scope["route"].path
    when = datetime.now(UTC).isoformat(timespec="milliseconds")
    asked = when, caller.subject, caller.tenant, request.method, route, status, record_id
    await backend.store.audit.note(AccessRecord(*asked))

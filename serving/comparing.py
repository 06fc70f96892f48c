"""GET /review/{id}/compare?with={other}: two recorded answers on one page, each look at either noted."""

from __future__ import annotations

import asyncio
import json

from starlette.requests import Request
from starlette.responses import Response

from features.errors import Fault
from serving.access.caller import caller_of
from serving.access.noting import access_record
from serving.backend import Backend
from serving.errors import RequestError
from serving.review.compare_view import comparison
from serving.review.drawing import draw_band, draw_waterfall
from serving.review.shell import HEADERS, shell_for, template
from serving.review.words import odds, signed
from serving.store.records import PredictionRecord

_ID_LENGTH = 32


class ComparePage:
    """Looked at by whoever may look at either answer."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def page(self, request: Request) -> Response:
        """The page of both."""
        backend, caller = self._backend, caller_of(request.scope)
        other = request.query_params.get("with", "").strip()
        if len(other) != _ID_LENGTH:
            fault = Fault("with", "is no id of a prediction", "give the id at the foot of the other's page")
            raise RequestError("invalid-request", "1 fault in the address", [fault])
        records = (
            backend.record(request.path_params["id"], caller.tenant),
            backend.record(other, caller.tenant),
        )
        if any("ranked" in json.loads(record.answer) for record in records):
            fault = Fault("with", "one of them is a ranking", "compare two answers about one option each")
            raise RequestError("invalid-request", "1 fault in the address", [fault])
        await backend.note(access_record(request.scope, 200, other))
        told = await asyncio.to_thread(_page, backend, records)
        page = template("compare.html").render(**told, shell=shell_for(caller), signed=signed, odds=odds)
        return Response(page, media_type="text/html", headers=HEADERS)


def _page(backend: Backend, records: tuple[PredictionRecord, PredictionRecord]) -> dict[str, object]:
    first, second = (backend.repository.bundle(record.digest) for record in records)
    view = comparison(records, (first, second))
    band = draw_band(view.band) if view.band else None
    return {
        "view": view,
        "band": band,
        "waterfall": draw_waterfall(view.waterfall) if view.waterfall else None,
    }

"""GET /review/{id}/near: what became of patients trained on who are like the patient of an answer."""

from __future__ import annotations

import asyncio
import json

from starlette.requests import Request
from starlette.responses import Response

from models.bundle import LoadedBundle
from serving.access.caller import Caller, caller_of
from serving.backend import Backend
from serving.review.near_drawing import draw_near
from serving.review.near_view import RANKED, WHY_NOT_SHOWN, NearView, near_view
from serving.review.rank_view import RankView, rank_view
from serving.review.shell import HEADERS, shell_for, template
from serving.review.views import ReviewView, review_view
from serving.store.records import PredictionRecord


class NearPage:
    """Looked at by whoever may look at the answer; nothing is predicted or recorded anew."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def page(self, request: Request) -> Response:
        """The page of one answer, or why it tells of nobody."""
        caller = caller_of(request.scope)
        record = self._backend.record(request.path_params["id"], caller.tenant)
        bundle = self._backend.repository.bundle(record.digest)
        page = await asyncio.to_thread(_page, record, bundle, caller)
        return Response(page, media_type="text/html", headers=HEADERS)


def _page(record: PredictionRecord, bundle: LoadedBundle | None, caller: Caller) -> str:
    view, near = _told(record, bundle)
    return template("near.html").render(
        view=view,
        near=near,
        what=view.title if isinstance(view, RankView) else view.drug,
        drawn=draw_near(near, view.measure),
        hidden=WHY_NOT_SHOWN,
        shell=shell_for(caller),
    )


def _told(record: PredictionRecord, bundle: LoadedBundle | None) -> tuple[ReviewView | RankView, NearView]:
    answer = json.loads(record.answer)
    if "ranked" in answer:
        return rank_view(record, bundle), NearView(RANKED)
    view = review_view(record, bundle)
    return view, near_view(view, answer, record.request, bundle)

"""Who looked at what is kept of a patient: noted on disk before anything of it goes out."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.access.caller import caller_of
from serving.errors import problem_from
from serving.store.records import AccessRecord

Note = Callable[[AccessRecord], Awaitable[None]]
"""Returns once the row is on disk; raises the 503 problem when it cannot be."""

_ID = re.compile(r"[0-9a-f]{32}")


def access_record(scope: Scope, status: int, record_id: str | None) -> AccessRecord:
    """The row that tells of a request: its caller and the route's template, never its path."""
    caller = caller_of(scope)
    route = getattr(scope.get("route"), "path", "")
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    return AccessRecord(time, caller.subject, caller.tenant, scope["method"], route, status, record_id)


class Noted:
    """Notes each request to a route with its status, refusals too, and answers nothing that is not noted."""

    def __init__(self, app: ASGIApp, note: Note) -> None:
        self._app = app
        self._note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = str(scope["path_params"].get("id", ""))
        record_id = asked if _ID.fullmatch(asked) else None
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            if not begun:
                await self._note(access_record(scope, message["status"], record_id))
                begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            if not begun:
                await self._note(access_record(scope, problem_from(error).status, record_id))
            raise

"""The sign-in page: an API key for a cookie, and out again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serving.access.caller import LOCAL
from serving.access.sessions import is_local
from serving.backend import Backend
from serving.errors import RequestError
from serving.pages import elsewhere
from serving.review.forms import read_form
from serving.review.list_view import ADDRESS
from serving.review.shell import HEADERS, shell_for, template

_LONGEST_KEY = 200
_NO_KEY = "This is no valid key of this service."


class SignIn:
    """GET and POST of the sign-in page; without access configured nobody needs it."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        access = self._backend.access
        if not access.is_configured:
            await elsewhere(ADDRESS)(scope, receive, send)
        elif Request(scope).method != "POST":
            await _page()(scope, receive, send)
        else:
            await (await self._signed_in(scope, receive))(scope, receive, send)

    async def _signed_in(self, scope: Scope, receive: Receive) -> Response:
        fields = await read_form(scope, receive, self._backend.settings)
        key = fields.get("key", [""])[0].strip()[:_LONGEST_KEY]
        try:
            cookie = self._backend.access.session(key, is_local(scope))
        except RequestError as error:
            if error.kind != "invalid-credentials":
                raise
            return _page(_NO_KEY, 401)
        response = elsewhere(ADDRESS)
        response.headers["set-cookie"] = cookie
        return response


class SignOut:
    """POST that ends the session of this browser."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await read_form(scope, receive, self._backend.settings)
        response = elsewhere(f"{ADDRESS}/session")
        response.headers["set-cookie"] = self._backend.access.sessions.ended(is_local(scope))
        await response(scope, receive, send)


def _page(fault: str = "", status: int = 200) -> Response:
    page = template("session.html").render(shell=shell_for(LOCAL), fault=fault)
    headers = {**HEADERS, "www-authenticate": 'Bearer realm="rxplain"'} if status == 401 else HEADERS
    return Response(page, status, media_type="text/html", headers=headers)

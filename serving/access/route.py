"""Routes that say who may use them, and the door before each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Router
from starlette.routing import Route as PlainRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from features.errors import Fault, SettingsError
from serving.access.access import Access
from serving.access.caller import CALLER, LOCAL, Caller
from serving.access.noting import Note, Noted
from serving.access.policy import Policy
from serving.access.sessions import PAGES, wants_page
from serving.errors import RequestError

_REMEDY = "give it one of serving/access/policy.py"
SIGN_IN = f"{PAGES}/session"
_UNPROVED = ("unauthenticated", "invalid-credentials")
NOBODY = Caller("", "", frozenset())
"""Who uses an open route: nothing is known of them, and nothing is asked."""


class Route(PlainRoute):
    """A route and the policy of who may use it."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        policy: Policy | None = None,
        methods: Collection[str] | None = None,
    ) -> None:
        super().__init__(path, endpoint, methods=methods)
        self.policy = policy


def guarded(routes: Iterable[BaseRoute], access: Access, note: Note) -> Router:
    """A router with a door before every route; raises a SettingsError that names those without a policy.

    `note` is told of each request to a route that gives out what is kept of one patient.
    """
    known = list(routes)
    faults = [
        Fault(getattr(route, "path", repr(route)), "declares no policy", _REMEDY)
        for route in known
        if not isinstance(route, Route) or route.policy is None
    ]
    if faults:
        raise SettingsError(f"{len(faults)} routes do not say who may use them", faults)
    for route in known:
        if isinstance(route, Route) and route.policy is not None:
            route.app = _Door(route.app, route.path, route.policy, access, note)
    return Router(known, redirect_slashes=False)


class _Door:
    """Lets a request through to a route, with its caller in the scope, before any of its body is read.

    A browser that proves nobody and asks for a page is shown where to sign in.
    """

    def __init__(self, app: ASGIApp, path: str, policy: Policy, access: Access, note: Note) -> None:
        self._access = access
        self._is_open, self._is_page = policy.is_open, path.startswith(PAGES)
        self._inside: ASGIApp = _Checked(app, policy)
        if policy.of_tenant:
            self._inside = Noted(self._inside, note)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_open:
            scope[CALLER] = NOBODY if self._access.is_configured else LOCAL
        else:
            try:
                scope[CALLER] = await self._access.caller(scope)
            except RequestError as error:
                if error.kind not in _UNPROVED or not self._is_page or not wants_page(scope):
                    raise
                await RedirectResponse(SIGN_IN, 303)(scope, receive, send)
                return
        await self._inside(scope, receive, send)


class _Checked:
    """Lets through whom the policy lets through."""

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._policy.check(scope[CALLER])
        await self._app(scope, receive, send)

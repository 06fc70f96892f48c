"""Browsers: an API key shown once on the sign-in page, then a cookie that stands for it on the pages.

A browser cannot send `Authorization` by itself. The cookie names the key and when it ends, vouched for by the
store's keys; whoever revokes the key ends it too. It is honoured under `/review` only, never by the API, is
out of reach of scripts, and is not sent along from other sites.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.types import Scope

from serving.access.loopback import is_loopback
from serving.errors import RequestError
from serving.store.keys import KeyRing

COOKIE = "rxplain_session"
PAGES = "/review"
GOOD_FOR_S = 8 * 3600


class Sessions:
    """Makes and reads the cookies of one service."""

    def __init__(self, keys: Callable[[], KeyRing]) -> None:
        self._keys = keys

    def begun(self, key_id: str, is_local: bool) -> str:
        """The header that begins a session of a key; without TLS on this machine alone."""
        until = int(time.time()) + GOOD_FOR_S
        return _header(f"{key_id}.{until}.{self._mac(key_id, until)}", GOOD_FOR_S, is_local)

    def ended(self, is_local: bool) -> str:
        """The header that ends any session."""
        return _header("", 0, is_local)

    def key_id(self, scope: Scope) -> str | None:
        """The key whose session a request to a page carries, if it carries one that still holds."""
        path: str = scope.get("path", "")
        if path != PAGES and not path.startswith(f"{PAGES}/"):
            return None
        key_id, _, rest = _cookie(scope).partition(".")
        until, _, mac = rest.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) < 12 and int(until) > time.time()):
            return None
        right = self._mac(key_id, int(until)).encode()
        return key_id if hmac.compare_digest(mac.encode("utf-8", "replace"), right) else None

    def _mac(self, key_id: str, until: int) -> str:
        return self._keys().vouched("session", key_id, until).hex()


def is_local(scope: Scope) -> bool:
    """Whether the browser calls this service by a name of its own machine, which needs no TLS."""
    host = b"".join(value for name, value in scope["headers"] if name == b"host").decode("latin-1")
    return is_loopback(urlsplit(f"//{host}").hostname or "")


def wants_page(scope: Scope) -> bool:
    """Whether a browser asks for a page, so that it can be shown where to sign in."""
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
    return scope["method"] == "GET" and b"text/html" in accepted


def require_key(key_id: str | None) -> str:
    """The key's id; raises the 401 problem where there is none."""
    if key_id is None:
        raise RequestError("unauthenticated", "Send the header Authorization: Bearer, with a key or a token.")
    return key_id


def _header(value: str, age_s: int, is_local: bool) -> str:
    secure = "" if is_local else "; Secure"
    return f"{COOKIE}={value}; Path={PAGES}; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}"


def _cookie(scope: Scope) -> str:
    given = "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
    try:
        found = SimpleCookie(given).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value

"""Forms that a browser sends: read strictly, and only from a page that this service gave to the sender."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from starlette.types import Receive, Scope

from serving.access.caller import Caller
from serving.body import read_body
from serving.errors import RequestError
from serving.settings import Settings
from serving.store.keys import KeyRing

MEDIA_TYPE = b"application/x-www-form-urlencoded"
GOOD_FOR_S = 12 * 3600
"""How long a form may lie open."""

_MOST_FIELDS = 200
Fields = Mapping[str, list[str]]


async def read_form(scope: Scope, receive: Receive, settings: Settings) -> Fields:
    """The fields of a form that a page of this service sent; RequestError (400, 403, 408, 413, 415) else."""
    require_own_page(scope)
    body = await read_body(scope, receive, settings, MEDIA_TYPE)
    try:
        return parse_qs(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise RequestError("malformed-form", "Send the form of the page as the browser does.") from None


def require_own_page(scope: Scope) -> None:
    """Refuse (403) what another site's page had a browser send, or what does not say where it is from."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
    is_own = origin is not None and urlsplit(origin).netloc == headers.get(b"host")
    if (site is None and not is_own) or (site is not None and site != "same-origin"):
        raise RequestError("not-permitted", "Forms are taken from this service's own pages only.")
    if origin is not None and not is_own:
        raise RequestError("not-permitted", "Forms are taken from this service's own pages only.")


def form_token(keys: KeyRing, caller: Caller, what: str) -> str:
    """What a page puts into its form, good for this caller and purpose and for some hours."""
    return _token(keys, caller, what, int(time.time()))


def is_good(token: str, keys: KeyRing, caller: Caller, what: str) -> bool:
    """Whether this service gave the token to this caller for this, lately."""
    given, _, _ = token.partition(".")
    if not (given.isascii() and given.isdigit() and len(given) < 12):
        return False
    is_fresh = -60 < time.time() - int(given) < GOOD_FOR_S
    right = _token(keys, caller, what, int(given)).encode()
    return is_fresh and hmac.compare_digest(token.encode("utf-8", "surrogatepass"), right)


def _token(keys: KeyRing, caller: Caller, what: str, at: int) -> str:
    return f"{at}.{keys.vouched('form', caller.tenant, caller.subject, what, at).hex()}"

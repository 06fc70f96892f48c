"""The header `Idempotency-Key`: a request sent again gets the answer that was given, and does nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.types import Scope, Send

from features.errors import Fault
from serving.access.caller import caller_of
from serving.errors import RequestError
from serving.guard import send_whole
from serving.store.records import StoredAnswer
from serving.store.store import Store

HEADER = b"idempotency-key"
LONGEST_KEY = 200
_REPEATED = ((b"idempotency-replayed", b"true"),)


async def once_only(
    store: Store, scope: Scope, send: Send, body: bytes, make: Callable[[], Awaitable[StoredAnswer]]
) -> None:
    """Send what `make` gives, or, of a key that came before with the same body, what it gave then.

    A caller with less access than whoever sent the key before is somebody else.
    """
    key = _key(scope)
    if key is None:
        answer = await make()
    else:
        caller = caller_of(scope)
        owner = "\x1f".join((caller.subject, "genomic" if caller.genomic else "grouped", key))
        answer = await store.idempotent(owner, caller.tenant, scope["path"], body, make)
    headers = _REPEATED if answer.repeated else ()
    await send_whole(send, answer.status, answer.body, answer.media.encode(), headers)


def _key(scope: Scope) -> str | None:
    """The key sent, if any; raises the 422 problem for one that is none, or for two."""
    found = [value for name, value in scope["headers"] if name == HEADER]
    if not found:
        return None
    text = found[0].decode("latin-1")
    if len(found) > 1 or not (0 < len(text) <= LONGEST_KEY and text.isascii() and text.isprintable()):
        fault = Fault("", "the header Idempotency-Key is no key", f"send 1 to {LONGEST_KEY} ASCII characters")
        raise RequestError("invalid-request", "1 fault in the request", [fault])
    return text

"""A request's body as strict JSON: what two readers could read differently is refused."""

from __future__ import annotations

import asyncio
import json
import math

from starlette.types import Message, Receive, Scope

from serving.errors import RequestError
from serving.settings import Settings

_LONGEST_INTEGER = 15


async def read_json(scope: Scope, receive: Receive, settings: Settings) -> dict[str, object]:
    """The JSON object posted; raises a RequestError (400, 408, 413, 415) for anything else."""
    return parse_object(await read_body(scope, receive, settings), settings.body_limit_bytes)


async def read_body(
    scope: Scope, receive: Receive, settings: Settings, media: bytes = b"application/json"
) -> bytes:
    """The bytes posted as such a media; raises a RequestError (408, 413, 415) for others, or too many."""
    require_media(scope, media)
    return await read_whole(receive, settings, settings.body_limit_bytes)


async def read_whole(receive: Receive, settings: Settings, limit_bytes: int) -> bytes:
    """The bytes posted, whatever they are; raises a RequestError (408, 413) when late or too many."""
    message = await _first(receive, settings)
    if not message.get("more_body"):
        return message.get("body", b"")
    parts, size = [message["body"]], len(message["body"])
    deadline = asyncio.get_running_loop().time() + settings.body_deadline_s
    while message.get("more_body"):
        message = await _next(receive, deadline)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit_bytes:
            raise too_large(limit_bytes)
    return b"".join(parts)


def parse_object(body: bytes, limit_bytes: int = 2**21) -> dict[str, object]:
    """A JSON object from bytes: UTF-8, no duplicate keys, every number finite and exactly kept.

    >>> parse_object(b'{"a": 1.5}')
    {'a': 1.5}
    """
    if len(body) > limit_bytes:
        raise too_large(limit_bytes)
    try:
        text = body.decode("utf-8")
        document = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise _malformed("it is not UTF-8 text") from None
    except RecursionError:
        raise _malformed("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"it cannot be read at byte {error.pos}") from None
    if not isinstance(document, dict):
        raise _malformed("it must be one JSON object")
    return document


def too_large(limit_bytes: int) -> RequestError:
    """The error for a body beyond the limit."""
    return RequestError("body-too-large", f"Send at most {limit_bytes} bytes in one request.")


def _malformed(why: str) -> RequestError:
    return RequestError("malformed-json", f"The body is refused: {why}.")


def require_media(scope: Scope, wanted: bytes) -> None:
    """Refuse (415) a body that is announced as anything else."""
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    media = kinds[0].partition(b";")[0].strip().lower() if len(kinds) == 1 else b""
    if media != wanted:
        raise RequestError("unsupported-media-type", f"Send the header Content-Type: {wanted.decode()}.")


async def _first(receive: Receive, settings: Settings) -> Message:
    return await _next(receive, asyncio.get_running_loop().time() + settings.body_deadline_s)


async def _next(receive: Receive, deadline: float) -> Message:
    try:
        async with asyncio.timeout_at(deadline):
            message = await receive()
    except TimeoutError:
        raise RequestError("body-too-slow", "Send the whole body at once.") from None
    if message["type"] == "http.disconnect":
        raise RequestError("body-too-slow", "The connection closed before the body was whole.")
    return message


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _malformed("an object gives one of its keys twice")
    return found


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _LONGEST_INTEGER:
        raise _malformed(f"an integer has more than {_LONGEST_INTEGER} digits")
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _malformed("a number is too large for double precision")
    return number


def _constant(_: str) -> float:
    raise _malformed("NaN and Infinity are not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)

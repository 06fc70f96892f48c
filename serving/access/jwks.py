"""The public keys of an issuer: fetched from its `jwks_uri`, kept, and fetched again when it is time."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import jwt

from serving.access.issuer import Issuer
from serving.errors import RequestError

_log = logging.getLogger("rxplain.access")
_KINDS: Mapping[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
}
_FETCH_S, _LONGEST_FETCH_S = 3.0, 5.0
_MOST_BYTES, _MOST_KEYS = 2**18, 100
_AFTER_FAILURE_S = 2.0

Keys = Mapping[tuple[str, str], jwt.PyJWK]
Fetch = Callable[[str], bytes]
Told = Callable[[bool], None]
"""Is told of every fetch whether it succeeded."""


class KeySet:
    """One issuer's keys by key id and algorithm.

    `generation` counts how often they changed, so that what was proved by others is proved again.
    """

    def __init__(self, issuer: Issuer, fetch: Fetch | None = None, told: Told | None = None) -> None:
        self.generation = 0
        self._issuer = issuer
        self._fetch = fetch or fetch_document
        self._told = told or (lambda _: None)
        self._keys: Keys = {}
        self._text = b""
        self._fetched: float | None = None
        self._next_try = 0.0
        self._loading: asyncio.Task[None] | None = None

    async def key(self, kid: str, algorithm: str) -> jwt.PyJWK | None:
        """The key of this id, or None; raises the 503 problem where no keys could be had for too long."""
        if self._is_too_old():
            await self._refresh()
        elif self._is_due():
            self._begin()
        if (kid, algorithm) not in self._keys:
            await self._refresh()
        if self._is_too_old():
            detail = "The issuer of the token cannot be reached, so that nothing can be proved."
            wait_s = max(1, round(self._issuer.retry_s))
            raise RequestError("issuer-unavailable", detail, retry_after_s=wait_s)
        return self._keys.get((kid, algorithm))

    def still(self, generation: int) -> bool:
        """Whether what was proved by the keys of this generation is still proved."""
        if self._is_due():
            self._begin()
        return generation == self.generation and not self._is_too_old()

    def _is_due(self) -> bool:
        return self._fetched is None or time.monotonic() - self._fetched > self._issuer.refresh_s

    def _is_too_old(self) -> bool:
        return self._fetched is None or time.monotonic() - self._fetched > self._issuer.longest_stale_s

    async def _refresh(self) -> None:
        """Wait for newer keys, unless they were asked for a moment ago."""
        self._begin()
        if self._loading is not None:
            await asyncio.shield(self._loading)

    def _begin(self) -> None:
        """One fetch at a time, and none sooner than allowed."""
        if self._loading is None and time.monotonic() >= self._next_try:
            self._next_try = time.monotonic() + self._issuer.retry_s
            self._loading = asyncio.create_task(self._load())

    async def _load(self) -> None:
        try:
            async with asyncio.timeout(_LONGEST_FETCH_S):
                text = await asyncio.to_thread(self._fetch, self._issuer.jwks_uri)
            keys = parse_keys(text, self._issuer.algorithms)
        except (OSError, TimeoutError, ValueError, http.client.HTTPException, RecursionError) as error:
            self._next_try = time.monotonic() + min(self._issuer.retry_s, _AFTER_FAILURE_S)
            _log.warning("an issuer's keys could not be fetched", exc_info=error)
            self._told(False)
        else:
            self._fetched = time.monotonic()
            self._told(True)
            if text != self._text:
                self._keys, self._text = keys, text
                self.generation += 1
        finally:
            self._loading = None


def parse_keys(text: bytes, algorithms: tuple[str, ...]) -> Keys:
    """The signing keys of a JWK set that fit one of the algorithms; others are passed over.

    Raises a ValueError where the text is no JWK set or none of its keys can be used.
    """
    document = json.loads(text)
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise ValueError("no JWK set")
    found: dict[tuple[str, str], jwt.PyJWK] = {}
    for jwk in listed:
        for algorithm in algorithms:
            if _fits(jwk, algorithm) and (jwk["kid"], algorithm) not in found:
                _add(found, jwk, algorithm)
    if not found:
        raise ValueError("a JWK set without a key that can be used")
    return found


def _add(found: dict[tuple[str, str], jwt.PyJWK], jwk: dict[str, Any], algorithm: str) -> None:
    try:
        found[jwk["kid"], algorithm] = jwt.PyJWK(jwk, algorithm)
    except jwt.PyJWTError:
        _log.warning("one of an issuer's keys cannot be read and is passed over")


def _fits(jwk: object, algorithm: str) -> bool:
    kind, curve = _KINDS[algorithm]
    return (
        isinstance(jwk, dict)
        and isinstance(jwk.get("kid"), str)
        and jwk.get("kty") == kind
        and (curve is None or jwk.get("crv") == curve)
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", algorithm) == algorithm
        and "d" not in jwk
    )


def fetch_document(uri: str) -> bytes:
    """What lies at the address, at most 256 kB; no redirect is followed."""
    proxies: dict[str, str] | None = {} if urlsplit(uri).scheme == "http" else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies), _NoRedirect)
    request = urllib.request.Request(uri, headers={"Accept": "application/json"})
    with opener.open(request, timeout=_FETCH_S) as answer:
        body: bytes = answer.read(_MOST_BYTES + 1)
    if len(body) > _MOST_BYTES:
        raise ValueError("too long for a JWK set")
    return body


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Keys come from the address that was configured and from no other."""

"""Bearer tokens: JWTs that a trusted issuer signed for this service, and not for long."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any

import jwt

from serving.access.caller import Caller
from serving.access.issuer import Claims, Issuer
from serving.access.jwks import KeySet, Told
from serving.errors import RequestError

MOST_KNOWN = 4096
"""Tokens of which a worker remembers that they were proved."""
LONGEST_JTI = 255

_REASONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "The token has expired."),
    (jwt.ImmatureSignatureError, "The token is not valid yet."),
    (jwt.InvalidIssuedAtError, "The token's iat is not a time."),
    (jwt.InvalidAudienceError, "The token is for another audience."),
    (jwt.MissingRequiredClaimError, "The token lacks exp, iss or aud."),
    (jwt.InvalidAlgorithmError, "The token is signed by another algorithm than its issuer's."),
    (jwt.InvalidSignatureError, "The token's signature does not hold."),
)
_OPTIONS: Any = {"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True, "verify_sub": False}
_NOT_A_TOKEN = "This is neither a key nor a token of this service."


@dataclass(frozen=True, slots=True)
class _Proved:
    """Whom a token proved, until when (`exp`), and by which keys."""

    caller: Caller
    expires: float
    keys: KeySet
    generation: int


Seen = Callable[[str, str, float], Awaitable[bool]]
"""Whether the token of an issuer and of a name, which expires then, was used before; from now on it was."""


async def _forgets(_: str, __: str, ___: float) -> bool:
    raise RequestError("not-ready", "Tokens that are used once cannot be remembered here.", retry_after_s=1)


class Tokens:
    """Proves the tokens of trusted issuers, each once while it lasts."""

    def __init__(self, issuers: Iterable[Issuer], seen: Seen | None = None, told: Told | None = None) -> None:
        self._seen = _forgets if seen is None else seen
        self._issuers = {issuer.name: (issuer, KeySet(issuer, told=told)) for issuer in issuers}
        self._known: OrderedDict[bytes, _Proved] = OrderedDict()

    async def caller(self, token: bytes, path: str = "") -> Caller:
        """Whom the token proves at a path; raises the 401 problem where it proves nobody."""
        digest = hashlib.sha256(token).digest()
        known = self._known.get(digest)
        if known is not None:
            if time.time() < known.expires and known.keys.still(known.generation):
                self._known.move_to_end(digest)
                return known.caller
            self._known.pop(digest, None)
        proved, issuer, claims = await self._prove(token, path)
        if issuer.is_cds_client:
            await self._use_once(issuer, claims)
            return proved.caller
        self._known[digest] = proved
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return proved.caller

    async def _use_once(self, issuer: Issuer, claims: Claims) -> None:
        name = claims.get("jti")
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_JTI:
            raise _refused("The token of a CDS client is named by a jti.")
        if await self._seen(issuer.name, name, float(claims["exp"]) + issuer.leeway_s):
            raise _refused("The token was used before.")

    async def _prove(self, token: bytes, path: str) -> tuple[_Proved, Issuer, Claims]:
        header, name = _look_at(token)
        if name not in self._issuers:
            raise _refused("The token is of no issuer that is trusted here.")
        issuer, keys = self._issuers[name]
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in issuer.algorithms:
            raise _refused("The token is signed by another algorithm than its issuer's.")
        if not isinstance(kid, str):
            raise _refused("The token does not name its key (kid).")
        key = await keys.key(kid, algorithm)
        if key is None:
            raise _refused("The token names a key that its issuer does not have.")
        generation = keys.generation
        claims = _verified(token, key, issuer, issuer.audiences_at(path))
        return _Proved(issuer.caller(claims), float(claims["exp"]), keys, generation), issuer, claims


def _look_at(token: bytes) -> tuple[dict[str, Any], str]:
    """A token's header and issuer as it claims them; nothing is proved, and nothing else is read of it."""
    try:
        told = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _refused(_NOT_A_TOKEN) from None
    issuer = told["payload"].get("iss")
    if not isinstance(issuer, str):
        raise _refused("The token names no issuer.")
    return told["header"], issuer


def _verified(token: bytes, key: jwt.PyJWK, issuer: Issuer, audiences: tuple[str, ...]) -> Claims:
    """The claims of a token whose signature, issuer, audience and times all hold."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=list(issuer.algorithms), audience=audiences, issuer=issuer.name,
            leeway=issuer.leeway_s, options=_OPTIONS,
        )  # fmt: skip
    except jwt.PyJWTError as error:
        known = (reason for kind, reason in _REASONS if isinstance(error, kind))
        raise _refused(next(known, _NOT_A_TOKEN)) from None
    except (ValueError, OverflowError, TypeError):  # times that are no numbers
        raise _refused(_NOT_A_TOKEN) from None
    begins = claims.get("iat", time.time())
    if not _is_time(claims["exp"]) or not _is_time(begins):
        raise _refused("The token's exp and iat are not times.")
    if claims["exp"] - begins > issuer.longest_life_s + issuer.leeway_s:
        raise _refused(f"A token lives at most {issuer.longest_life_s:g} seconds here.")
    return claims


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _refused(why: str) -> RequestError:
    return RequestError("invalid-credentials", why)

"""From a request's head to its caller: an API key, a token of a trusted issuer, or this machine itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Self

from starlette.types import Scope

from serving.access.caller import LOCAL, Caller
from serving.access.issued import IssuedKeys
from serving.access.jwks import Told
from serving.access.keys import PREFIX
from serving.access.loopback import is_loopback
from serving.access.policy import MONITORING, OPEN, Policy
from serving.access.rules import AccessRules, read_rules
from serving.access.sessions import Sessions, require_key
from serving.access.tokens import Seen, Tokens
from serving.errors import RequestError
from serving.store.keys import KeyRing

LONGEST_CREDENTIAL = 8192
"""Bytes of a token or key; none that is honest is longer."""

_SCHEME = b"bearer "


class Access:
    """Says who sends a request; without rules every caller on this machine is `LOCAL`, and nobody else."""

    def __init__(
        self,
        rules: AccessRules | None,
        store_keys: Callable[[], KeyRing] = KeyRing.fresh,
        seen: Seen | None = None,
        told: Told | None = None,
    ) -> None:
        self.is_configured = rules is not None
        self.metrics: Policy = MONITORING if rules is not None and not rules.open_metrics else OPEN
        self._tokens = Tokens(rules.issuers if rules else (), seen, told)
        self._keys = IssuedKeys(rules.keys if rules else None)
        self.sessions = Sessions(store_keys)

    @classmethod
    def of(
        cls,
        path: Path | None,
        store_keys: Callable[[], KeyRing] = KeyRing.fresh,
        seen: Seen | None = None,
        told: Told | None = None,
    ) -> Self:
        """The access that a file configures; raises a SettingsError that tells all its faults together.

        `store_keys` gives the keys that vouch for browsers' sessions; `seen` knows the tokens that may be
        used once; `told` hears of every fetch of an issuer's keys.
        """
        return cls(None if path is None else read_rules(path), store_keys, seen, told)

    def session(self, credential: str, is_local: bool) -> str:
        """The header that begins the session of a key; raises the 401 problem where it is none."""
        caller = self._keys.caller(credential.encode("utf-8", "surrogatepass"))
        return self.sessions.begun(caller.subject.removeprefix("key:"), is_local)

    async def caller(self, scope: Scope) -> Caller:
        """Who sent the request; raises the 401 problem where that is not proved."""
        if not self.is_configured:
            _require_this_machine(scope)
            return LOCAL
        credential = _credential(scope)
        if credential is None:
            return self._keys.caller_of(require_key(self.sessions.key_id(scope)))
        if credential.startswith(PREFIX):
            return self._keys.caller(credential)
        return await self._tokens.caller(credential, scope.get("path", ""))


def _credential(scope: Scope) -> bytes | None:
    """What `Authorization` carries; None where nothing is sent."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if not given:
        return None
    if len(given) > 1:
        raise RequestError("invalid-credentials", "Send one Authorization header.")
    value: bytes = given[0]
    if len(value) > LONGEST_CREDENTIAL:
        raise RequestError("invalid-credentials", f"A credential has at most {LONGEST_CREDENTIAL} bytes.")
    if value[: len(_SCHEME)].lower() != _SCHEME:
        raise RequestError("invalid-credentials", "The scheme of Authorization is Bearer here.")
    return value[len(_SCHEME) :].strip(b" ")


def _require_this_machine(scope: Scope) -> None:
    """Refuse what came in by another address, as where something else than `python -m serving` serves."""
    host, port = scope.get("server") or ("", None)
    if port is not None and not is_loopback(host):
        raise RequestError("unauthenticated", "No access is configured here; only this machine is answered.")

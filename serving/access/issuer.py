"""One trusted issuer of tokens: how they must be, and what their claims make of a caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serving.access.caller import Caller, Role
from serving.access.scopes import covers
from serving.errors import RequestError

ALGORITHMS = ("RS256", "RS384", "ES256", "ES384")
"""Signatures that are honoured; each needs the private key of the issuer."""

CDS_SERVICES = "/cds-services"
_LONGEST_SUBJECT = 255

Claims = Mapping[str, Any]  # Any: a token's claims are whatever JSON its issuer signed
Roles = Mapping[str, frozenset[Role]]


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer by its `iss`; times in seconds.

    Its keys are fetched from `jwks_uri`, again after `refresh_s`, for an unknown key at most every `retry_s`,
    and are used for `longest_stale_s` where the issuer cannot be reached. A token lives at most
    `longest_life_s`. All its tokens are of one `tenant`, or `tenant_claim` says of which, by `tenants` where
    the names differ. `roles` are given by values of `roles_claim`, `scopes` by those of `scope_claim`; so are
    `genomic_roles` and `genomic_scopes`, any of which shows genomic explanations. A claim within others is
    named with dots, as `realm_access.roles`. With `is_cds_client` its tokens are those of a client of CDS
    Hooks: of no subject, meant for one address below `audiences`, each used once, seeing genes if
    `is_genomic`.
    """

    name: str
    jwks_uri: str
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...] = ALGORITHMS
    leeway_s: float = 30.0
    longest_life_s: float = 3600.0
    refresh_s: float = 300.0
    retry_s: float = 10.0
    longest_stale_s: float = 86400.0
    tenant: str | None = None
    tenant_claim: str | None = None
    tenants: Mapping[str, str] = field(default_factory=dict)
    subject_claim: str = "sub"
    roles_claim: str = "roles"
    roles: Roles = field(default_factory=dict)
    scope_claim: str = "scope"
    scopes: Roles = field(default_factory=dict)
    genomic_roles: frozenset[str] = frozenset()
    genomic_scopes: frozenset[str] = frozenset()
    is_cds_client: bool = False
    is_genomic: bool = False

    def audiences_at(self, path: str) -> tuple[str, ...]:
        """What a token may be meant for that is sent to a path of this service."""
        if not self.is_cds_client:
            return self.audiences
        below = path.removeprefix(CDS_SERVICES)
        return tuple(f"{one.rstrip('/')}{below}" for one in self.audiences) if below != path else ()

    def caller(self, claims: Claims) -> Caller:
        """Whom the claims of a proved token tell of; raises a RequestError where they name nobody."""
        if self.is_cds_client:
            return Caller(self.name, self._tenant(claims), frozenset({Role.APPLICATION}), self.is_genomic)
        subject = _claim(claims, self.subject_claim)
        if not isinstance(subject, str) or not _is_name(subject):
            raise RequestError("invalid-credentials", "The token names no subject.")
        given, granted = _texts(_claim(claims, self.roles_claim)), _words(_claim(claims, self.scope_claim))
        roles = [found for value, found in self.roles.items() if value in given]
        roles += [found for scope, found in self.scopes.items() if covers(granted, scope)]
        genomic = not self.genomic_roles.isdisjoint(given)
        genomic = genomic or any(covers(granted, scope) for scope in self.genomic_scopes)
        return Caller(f"{self.name}#{subject}", self._tenant(claims), frozenset().union(*roles), genomic)

    def _tenant(self, claims: Claims) -> str:
        if self.tenant is not None:
            return self.tenant
        told = _claim(claims, self.tenant_claim or "")
        found = self.tenants.get(told) if isinstance(told, str) else None
        if found is None:
            raise RequestError("not-permitted", "The token names no tenant of this service.")
        return found


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_SUBJECT and text.isprintable()


def _claim(claims: Claims, name: str) -> object:
    """A claim by its name, or by its way through others."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _texts(claim: object) -> frozenset[str]:
    """The values of a claim that is one text, or a list of them."""
    values = claim if isinstance(claim, list) else [claim]
    return frozenset(value for value in values if isinstance(value, str))


def _words(claim: object) -> frozenset[str]:
    """The values of a claim that is a list, or one text of words between spaces (RFC 8693, 4.2)."""
    return frozenset(claim.split()) if isinstance(claim, str) else _texts(claim)

"""Who is let in, as the TOML file that `RXPLAIN_ACCESS` names says it; all its faults are told together."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from features.errors import Fault, SettingsError
from serving.access.caller import Role
from serving.access.issuer import ALGORITHMS, Issuer, Roles
from serving.access.section import Section

_DAY_S = 86400.0
_LOCAL = ("127.0.0.1", "::1", "localhost")
_ROLES = ", ".join(Role)


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The tenants, the issuers whose tokens are honoured, the file of API keys, and who may see /metrics."""

    tenants: tuple[str, ...]
    issuers: tuple[Issuer, ...]
    keys: Path | None
    open_metrics: bool


def read_rules(path: Path) -> AccessRules:
    """The rules in a file; raises a SettingsError that tells every fault of it."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"the access file {path.name} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise SettingsError(f"the access file {path.name} is not TOML: {error}") from error
    faults: list[Fault] = []
    rules = _rules(document, path.parent, faults)
    if faults:
        raise SettingsError(f"{len(faults)} faults in the access file {path.name}", faults)
    return rules


def _rules(document: Mapping[str, object], folder: Path, faults: list[Fault]) -> AccessRules:
    top = Section("", document, faults)
    tenants = top.texts("tenants")
    if len(set(tenants)) < len(tenants):
        top.fault("tenants", "names one twice")
    keys = top.text("keys", None)
    metrics = top.text("metrics", "roles")
    if metrics not in ("open", "roles"):
        top.fault("metrics", "is neither open nor roles")
    issuers = tuple(
        _issuer(Section(f"issuers[{i}].", table, faults), tenants)
        for i, table in enumerate(top.tables("issuers"))
    )
    if len({issuer.name for issuer in issuers}) < len(issuers):
        top.fault("issuers", "two go by the same name")
    if not issuers and keys is None:
        top.fault("issuers", "neither issuers nor keys are given", "nobody could ever be let in")
    top.close()
    return AccessRules(tenants, issuers, None if keys is None else folder / keys, metrics == "open")


def _issuer(section: Section, tenants: tuple[str, ...]) -> Issuer:
    found = Issuer(
        name=section.text("issuer") or "",
        jwks_uri=_address(section),
        audiences=section.texts("audience"),
        algorithms=_algorithms(section),
        leeway_s=section.seconds("leeway_s", 30.0, 300.0),
        longest_life_s=section.seconds("longest_life_s", 3600.0, _DAY_S),
        refresh_s=section.seconds("refresh_s", 300.0, _DAY_S),
        retry_s=section.seconds("retry_s", 10.0, 3600.0),
        longest_stale_s=section.seconds("longest_stale_s", _DAY_S, 7 * _DAY_S),
        tenant=section.text("tenant", None),
        tenant_claim=section.text("tenant_claim", None),
        tenants=_tenants(section, tenants),
        subject_claim=section.text("subject_claim", "sub") or "",
        roles_claim=section.text("roles_claim", "roles") or "",
        roles=_roles(section, "roles"),
        scope_claim=section.text("scope_claim", "scope") or "",
        scopes=_roles(section, "scopes"),
        genomic_roles=frozenset(section.texts("genomic_roles", ())),
        genomic_scopes=frozenset(section.texts("genomic_scopes", ())),
        is_cds_client=section.flag("cds_client"),
        is_genomic=section.flag("genomic"),
    )
    if (found.tenant is None) == (found.tenant_claim is None):
        section.fault("tenant", "give either tenant or tenant_claim")
    elif found.tenant is not None and found.tenant not in tenants:
        section.fault("tenant", "is none of the tenants")
    if found.is_genomic and not found.is_cds_client:
        section.fault("genomic", "is for a cds_client", "name genomic_roles or genomic_scopes")
    if not found.roles and not found.scopes and not found.is_cds_client:
        section.fault("roles", "neither roles nor scopes give anybody a role")
    section.close()
    return found


def _address(section: Section) -> str:
    """Keys come over TLS, or from this machine."""
    uri = section.text("jwks_uri") or ""
    parts = urlsplit(uri)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
    if uri and not (is_safe and parts.hostname):
        section.fault("jwks_uri", "is no https address")
    return uri


def _algorithms(section: Section) -> tuple[str, ...]:
    found = section.texts("algorithms", ALGORITHMS)
    if not found or not set(found) <= set(ALGORITHMS):
        section.fault("algorithms", f"are not some of {', '.join(ALGORITHMS)}")
        return ALGORITHMS
    return found


def _tenants(section: Section, tenants: tuple[str, ...]) -> Mapping[str, str]:
    """From a claim's values to tenants; where nothing is said they are called the same."""
    given = section.table("tenants")
    if not all(tenant in tenants for tenant in given.values()):
        section.fault("tenants", "lead to what is none of the tenants")
    return {value: str(tenant) for value, tenant in given.items()} or {one: one for one in tenants}


def _roles(section: Section, name: str) -> Roles:
    own = Section(f"{section.where}{name}.", section.table(name), section.faults)
    found: dict[str, frozenset[Role]] = {}
    for value in own.names:
        given = own.texts(value)
        unknown = [role for role in given if role not in set(Role)]
        if unknown:
            own.fault(value, "gives a role that is not known", f"roles are {_ROLES}")
        found[value] = frozenset(Role(role) for role in given if role not in unknown)
    return found

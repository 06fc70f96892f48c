"""Who asks: a subject of one tenant, in the roles that tenant gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

CALLER = "rxplain.caller"


class Role(StrEnum):
    """What somebody is here for."""

    APPLICATION = "application"
    CLINICIAN = "clinician"
    REVIEWER = "reviewer"
    DATA_SCIENTIST = "data_scientist"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who proved who they are; `genomic` lets them see contributions gene by gene."""

    subject: str
    tenant: str
    roles: frozenset[Role]
    genomic: bool = False


LOCAL = Caller("local", "local", frozenset(Role), genomic=True)


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """Who sent this request; a service without configured access knows only its own machine."""
    caller: Caller = scope.get(CALLER, LOCAL)
    return caller

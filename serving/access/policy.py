"""Who may use a route; each route declares one of these."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from serving.access.caller import Caller, Role
from serving.errors import RequestError


@dataclass(frozen=True, slots=True)
class Policy:
    """Callers with one of `roles` (None: anybody who proved who they are), or everybody where it `is_open`.

    `needs_genomic` asks for the genomic flag as well. `of_tenant` says that the route gives out what is kept
    of one patient, so that another tenant's is 404 and each look at it can be noted.
    """

    roles: frozenset[Role] | None = None
    is_open: bool = False
    needs_genomic: bool = False
    of_tenant: bool = False

    def lets(self, caller: Caller) -> bool:
        """Whether the caller may use the route."""
        has_role = self.roles is None or not self.roles.isdisjoint(caller.roles)
        return self.is_open or (has_role and (caller.genomic or not self.needs_genomic))

    def check(self, caller: Caller) -> None:
        """Raise the 403 problem for a caller who may not use the route."""
        if self.lets(caller):
            return
        if self.roles is not None and self.roles.isdisjoint(caller.roles):
            raise RequestError("not-permitted", f"This needs the role {_listed(self.roles)}.")
        raise RequestError("not-permitted", "This needs genomic access besides the role.")


def _listed(roles: Collection[Role]) -> str:
    return " or ".join(role.value for role in Role if role in roles)


def _of(*roles: Role) -> frozenset[Role]:
    return frozenset(roles)


OPEN = Policy(is_open=True)
"""Says nothing of patients, models or callers."""
KNOWN = Policy()
"""Anybody who proved who they are, in whatever role."""
ASKING = Policy(_of(Role.APPLICATION, Role.CLINICIAN))
"""Asking about a patient whom the caller describes."""
MODELS = Policy(_of(Role.APPLICATION, Role.CLINICIAN, Role.REVIEWER, Role.DATA_SCIENTIST))
"""What answers, what it wants to be sent, and its card."""
RECORDED = Policy(_of(Role.CLINICIAN, Role.REVIEWER), of_tenant=True)
"""An answer that was given."""
REVIEWING = Policy(_of(Role.CLINICIAN, Role.REVIEWER), needs_genomic=True, of_tenant=True)
"""The page of an answer, which shows genotypes and their shares."""
REPORTING = Policy(_of(Role.APPLICATION, Role.CLINICIAN), of_tenant=True)
"""Telling the outcome of a patient who was answered."""
FEEDBACK = Policy(_of(Role.CLINICIAN), of_tenant=True)
"""Telling what was done with an answer."""
SIGNING = Policy(_of(Role.CLINICIAN, Role.REVIEWER), of_tenant=True)
"""Signing an answer or a model version off, and seeing who did."""
LISTING = Policy(_of(Role.CLINICIAN, Role.REVIEWER), of_tenant=True)
"""The list of answers that were given."""
MONITORING = Policy(_of(Role.DATA_SCIENTIST, Role.ADMINISTRATOR))
"""Counts of the service, without patients."""
EXPORTING = Policy(_of(Role.DATA_SCIENTIST))
"""Outcomes for monitoring and learning."""
ADMINISTERING = Policy(_of(Role.ADMINISTRATOR))
"""Keys, audit and erasure."""
HANDING_OUT = Policy(_of(Role.ADMINISTRATOR), needs_genomic=True, of_tenant=True)
"""Everything that is kept of one patient, in plain."""
FORGETTING = Policy(_of(Role.ADMINISTRATOR), of_tenant=True)
"""Erasing one patient."""

"""Whether enough readers signed a version off: the verdicts that the service keeps, of all tenants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from features.errors import DataError, Fault
from training.service_log import log_rows

SIGNED = "sign-off"


@dataclass(frozen=True)
class SignOff:
    """How many readers agree, disagree and are unsure by their last word; `unread` says why nobody knows."""

    agree: int = 0
    disagree: int = 0
    unsure: int = 0
    unread: str = ""


AskWhoSigned = Callable[[], SignOff]
"""Gives how a version stands with its readers; only called where that matters."""


def sign_off(home: Path, study: str, digest: str) -> SignOff:
    """The verdicts on a bundle by a process of the service, which first proves that their chain holds."""
    try:
        said = Counter(
            row["verdict"] for row in log_rows(home, "signed", "--study", study) if row["digest"] == digest
        )
    except DataError as error:
        return SignOff(unread=error.summary)
    return SignOff(said["agree"], said["disagree"], said["unsure"])


def sign_off_faults(asked: int, found: SignOff, study: str, version: int | None) -> list[Fault]:
    """What is missing when so many readers must agree and none disagree; they are counted, not named."""
    page = f"/review/models/{study}" + ("" if version is None else f"?version={version}")
    remedy = f"readers sign at {page} of the service; rxplain log signed --study {study} tells who did"
    told = []
    if found.unread:
        told.append(f"who signed cannot be read ({found.unread})")
    elif found.agree < asked:
        unsure = f", {found.unsure} unsure" if found.unsure else ""
        told.append(f"{found.agree} of {asked} readers agree{unsure}; {asked - found.agree} more must sign")
    if found.disagree:
        told.append(f"{found.disagree} readers disagree" if found.disagree > 1 else "1 reader disagrees")
    return [Fault(SIGNED, what, remedy) for what in told]

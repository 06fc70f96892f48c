"""Every error raised on purpose, as one tree.

    RxplainError
    ├── CohortError      a cohort, table or patient document that cannot be read
    ├── FeatureError     a feature asked for that this version cannot compute
    ├── StudyError       a study file that does not say what to do
    ├── DataError        a source that is absent, altered or not what it claims
    ├── BundleError      a model directory that does not prove itself
    ├── RegistryError    a registry, alias or promotion that cannot be honoured
    ├── SettingsError    an environment variable or option that cannot be used
    └── IntegrityError   a result that contradicts itself; the number is withheld

Anything else that escapes is a bug. Faults name fields, never a patient's values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing found wrong: where it stands, what is wrong, and what mends it."""

    where: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"; {self.remedy}" if self.remedy else "")


class RxplainError(Exception):
    """What was found and where, what was expected, and what to do; all faults told together."""

    def __init__(self, summary: str, faults: Iterable[Fault] = ()) -> None:
        self.summary = summary
        self.faults = tuple(faults)
        super().__init__("\n".join([summary, *(f"  {fault}" for fault in self.faults)]))


class CohortError(RxplainError):
    """A cohort, table or patient document that cannot be read."""


class FeatureError(RxplainError):
    """A feature asked for that this version cannot compute."""


class StudyError(RxplainError):
    """A study file that does not say what to do."""


class DataError(RxplainError):
    """A source that is absent, altered or not what it claims to be."""


class BundleError(RxplainError):
    """A model directory that does not prove itself."""


class RegistryError(RxplainError):
    """A registry, alias or promotion that cannot be honoured."""


class SettingsError(RxplainError):
    """An environment variable or option that cannot be used."""


class ClusterError(RxplainError):
    """Workers beyond this process cannot be reached, differ from us, or were lost."""


class IntegrityError(RxplainError):
    """A result that contradicts itself; the number is withheld."""

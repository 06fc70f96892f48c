"""What a study says of protected attributes: which they are, and why one may be an input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from features.derived import parts_of
from features.errors import Fault


@dataclass(frozen=True)
class EquityAsked:
    """`protected` names clinical variables or groups of the cohort, `reasons` why one of them is an input.

    `bands` cuts a quantity such as age at its values; `threshold` is where a probability is acted on. With
    `leave_out` the cost of doing without each is measured.
    """

    protected: tuple[str, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)
    bands: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    threshold: float = 0.5
    leave_out: bool = False

    def faults(self, served: Sequence[str]) -> list[Fault]:
        """What cannot be meant, and inputs of protected attributes that nobody gave a reason for."""
        unexplained = [
            attribute
            for attribute in self.protected
            if features_of(attribute, served) and not self.reasons.get(attribute, "").strip()
        ]
        remedy = "write under [equity.reasons] why it may be, or leave its features out"
        faults = [
            Fault(f"equity.reasons.{attribute}", "is missing, and the attribute is an input", remedy)
            for attribute in unexplained
        ]
        strange = sorted({*self.reasons, *self.bands} - set(self.protected))
        faults += [Fault(f"equity '{name}'", "is not among equity.protected") for name in strange]
        if not 0.0 < self.threshold < 1.0:
            faults.append(Fault("equity.threshold", "does not lie between 0 and 1"))
        return faults


def features_of(attribute: str, served: Sequence[str]) -> tuple[str, ...]:
    """The served features that tell of a variable, products and logarithms of them too; `*` may stand for it.

    >>> features_of("race", ("clinical.race.is_asian", "clinical.age.value"))
    ('clinical.race.is_asian',)
    """
    return tuple(
        name for name in served if any(_tells(part, attribute) for part in parts_of(name) or (name,))
    )


def _tells(name: str, attribute: str) -> bool:
    parts = name.removeprefix("log2.").split(".", 2)
    return len(parts) == 3 and fnmatchcase(attribute, parts[1].replace("[", "[[]"))

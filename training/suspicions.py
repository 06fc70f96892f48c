"""What to look at before figures are believed: copies of patients, and what is too good to be true.

Everything here is cheap and told with every evaluation and check; a count below ten is told as that, and
never who it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from training.alone import Strength, too_good
from training.design import Design
from training.kin import Kin, n_shared
from training.late import late_facts
from training.splits import Split
from training.study import Study
from training.swapped_units import Swapped, swapped_units

Numbers = NDArray[np.float64]
SMALLEST_CELL = 10


@dataclass(frozen=True)
class Suspicions:
    """Patients who share every fact, nearly every fact, or a family; features too good by themselves;
    quantities that seem to be in another unit at a site; by feature, patients known of late alone."""

    twins: int
    near: int
    families: int
    too_good: tuple[Strength, ...]
    units: tuple[Swapped, ...]
    late: Mapping[str, int]

    def sentences(self) -> list[str]:
        """A sentence each, for reports and the terminal."""
        told = [
            (self.twins, "are recorded with exactly the facts of another"),
            (self.near, "are nearly copies of another"),
            (self.families, "have relatives in the cohort"),
        ]
        said = [f"{_count(n)} patients {what}; splits keep them together." for n, what in told if n]
        said += [*(own.sentence for own in self.too_good), *(own.sentence for own in self.units)]
        late = "of {} patients is known only after the index date and is not read"
        return said + [f"{feature}: {late.format(_count(n))}." for feature, n in self.late.items()]

    def document(self) -> dict[str, object]:
        """The section `suspicions`; counts below ten are None."""
        return {
            "n_flagged": len(self.too_good) + len(self.units),
            "overlap": {
                name: _counted(n)
                for name, n in (("identical", self.twins), ("nearly", self.near), ("family", self.families))
            },
            "too_good": [own.document() for own in self.too_good],
            "units": [own.document() for own in self.units],
            "late": {name: n if n >= SMALLEST_CELL else None for name, n in self.late.items()},
            "sentences": self.sentences(),
        }


def suspicions(study: Study, cohort: Cohort, design: Design, kin: Kin) -> Suspicions:
    """What is suspicious of the study's patients; `kin` is `kin_of(cohort)`."""
    late = {name: n for name, (n, _) in late_facts(cohort, design.spec).items()}
    return Suspicions(
        n_shared(kin.twins),
        n_shared(kin.near) - n_shared(kin.twins),
        n_shared(kin.families),
        too_good(study, design),
        swapped_units(study, cohort, design),
        late,
    )


def overlaps(splits: Sequence[Split], n_patients: int, left_out: Mapping[str, int]) -> dict[str, object]:
    """By protocol, how many patients were kept out of a training part, and out of an external cohort.

    `kept_out` are kin of the held out (by a protocol of time also whoever came later); `external`, of whom
    `left_out` counts, are patients of the study's own cohort. Counts below ten are None.
    """
    found: dict[str, set[int]] = {}
    for split in splits:
        missing = np.setdiff1d(np.arange(n_patients), np.concatenate([split.train, split.test]))
        found.setdefault(split.protocol, set()).update(missing.tolist())
    kept = {name: _counted(len(out)) for name, out in found.items()}
    return {"kept_out": kept, "external": {name: _counted(n) for name, n in left_out.items()}}


def _counted(n: int) -> dict[str, object]:
    return {"any": bool(n), "patients": n if n >= SMALLEST_CELL or not n else None}


def _count(n: int) -> str:
    return str(n) if n >= SMALLEST_CELL else f"Fewer than {SMALLEST_CELL}"

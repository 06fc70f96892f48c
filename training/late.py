"""Facts known only after the index date: never read, and refused where a feature has hardly anything else."""

from __future__ import annotations

from collections.abc import Mapping

from features.cohort import Cohort
from features.encode import FeatureSpec
from features.errors import CohortError, Fault
from training.study import Study

_CLINICAL = "clinical/"


def late_facts(cohort: Cohort, spec: FeatureSpec) -> Mapping[str, tuple[int, int]]:
    """By feature, patients of whom what it is read from is known after day 0 alone, and of whom at all.

    Features of which nothing is known late alone are not told.
    """
    found: dict[str, tuple[int, int]] = {}
    counted: dict[str, tuple[int, int]] = {}
    for feature, inputs in spec.inputs.items():
        names = [name.removeprefix(_CLINICAL) for name in inputs if name.startswith(_CLINICAL)]
        for name in names:
            if name not in counted:
                counted[name] = _count(cohort, name)
            late, known = counted[name]
            if late and late > found.get(feature, (0, 0))[0]:
                found[feature] = late, known
    return found


def _count(cohort: Cohort, name: str) -> tuple[int, int]:
    rows = cohort.clinical.rows_of(name)
    known = set(cohort.clinical.patient[rows].tolist())
    return len(known - set(cohort.clinical.latest_of(name))), len(known)


def refuse_late(study: Study, cohort: Cohort, spec: FeatureSpec) -> None:
    """Refuses features that most patients have from after the index date alone, unless the study says why.

    Such a fact is not read, so the feature would be missing here; where its days are lost it would be read,
    and would tell what happened.
    """
    remedy = "leave it out, mend the days, or write its reason under [suspicions.reasons]"
    faults = [
        Fault(
            feature,
            f"is known only after the index date of {late} of the {known} patients who have it",
            remedy,
        )
        for feature, (late, known) in late_facts(cohort, spec).items()
        if 2 * late >= known and feature not in study.suspicions.reasons
    ]
    if faults:
        raise CohortError(f"{len(faults)} features are known too late in study '{study.name}'", faults)

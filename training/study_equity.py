"""What a study declares of protected attributes, and which of its features read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from features.clinical import columns_of
from features.column import Column
from features.derived import parts_of
from features.encode import catalog, column_for
from features.errors import Fault
from training.datasets.variables import source_variables

if TYPE_CHECKING:
    from training.study import Study

WELL_KNOWN = ("race", "ethnicity", "ancestry", "sex", "gender", "age")
"""Protected wherever they are recorded under these names: who declares any attribute declares these too."""

RESERVED = ("protocol", "n_resamples", "threshold", "cost_of_leaving_out")
_UNSETTLED = "?"


@dataclass(frozen=True)
class EquityAsked:
    """The protected attributes: clinical variables or groups of the cohort, figures of which are compared.

    `reasons` says of each that is an input why it is one. `bands` cuts a quantity, a patient at a cut into
    the higher band. `leave_out` fits the study again without each that is an input. Of a probability
    `threshold` is the one from which a patient counts as answered yes.
    """

    attributes: tuple[str, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)
    bands: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    leave_out: bool = False
    threshold: float = 0.5

    def faults(self) -> list[Fault]:
        """What cannot be meant, whatever the features are."""
        faults = []
        if not self.attributes or len(set(self.attributes)) < len(self.attributes):
            faults.append(Fault("equity.attributes", "names no attribute, or one twice"))
        taken = [name for name in self.attributes if name in RESERVED]
        faults += [Fault("equity.attributes", f"'{n}' is a word of the section", "rename it") for n in taken]
        for key, named in (("reasons", self.reasons), ("bands", self.bands)):
            strangers = sorted(set(named) - set(self.attributes))
            faults += [Fault(f"equity.{key}", f"'{name}' is no declared attribute") for name in strangers]
        for name, cuts in self.bands.items():
            if not cuts or list(cuts) != sorted(set(cuts)):
                faults.append(Fault(f"equity.bands.{name}", "is empty or does not rise"))
        if not 0.0 < self.threshold < 1.0:
            faults.append(Fault("equity.threshold", "is not between 0 and 1"))
        return faults


def faults_of_equity(study: Study) -> list[Fault]:
    """Protected attributes that the study's features read without being declared, or without a reason."""
    asked = study.equity
    if asked is None:
        return []
    columns = _columns(study)
    quantities = {name.split(".")[1] for name in columns if name.endswith(".value")}
    faults = [
        Fault(f"equity.bands.{name}", "is missing, and a quantity has no groups", "give where to cut it")
        for name in asked.attributes
        if name in quantities and name not in asked.bands
    ]
    for name in dict.fromkeys((*asked.attributes, *WELL_KNOWN)):
        read = features_that_read(study, name)
        if read and name not in asked.attributes:
            what = f"'{name}' is protected and read by {', '.join(read)}"
            faults.append(Fault("equity.attributes", what, "declare it, with a reason, or leave these out"))
        elif read and asked.reasons.get(name, "").strip() in ("", _UNSETTLED):
            what = f"is missing, though {', '.join(read)} read{'s' if len(read) == 1 else ''} it"
            faults.append(Fault(f"equity.reasons.{name}", what, "write why it is an input, or leave it out"))
    return faults


def features_that_read(study: Study, attribute: str) -> tuple[str, ...]:
    """The study's features, as it writes them, that are computed from a clinical variable of this name:
    its values, one level of it, their products and logarithms, and what else is made of it; none where the
    study's own table has no such variable."""
    columns = _columns(study)
    if study.table is not None and attribute not in {f.subject for f in study.table.schema.facts.values()}:
        return ()
    return tuple(name for name in study.features if f"clinical/{attribute}" in _inputs(name, columns))


def _columns(study: Study) -> Mapping[str, Column]:
    declared = {variable.name: variable for variable in source_variables(study.dataset)}
    declared |= {asked.name: asked.variable() for asked in study.variables}
    return {**catalog(study.spec.linked_snps), **columns_of(declared.values())}


def _inputs(name: str, columns: Mapping[str, Column]) -> set[str]:
    parts = parts_of(name)
    if parts:
        return {source for part in parts for source in _inputs(part, columns)}
    if "*" in name and name not in columns:
        pattern = name.replace("[", "[[]")
        return {s for known, own in columns.items() if fnmatchcase(known, pattern) for s in own.inputs}
    column = columns.get(name) or column_for(name)
    return set() if column is None else set(column.inputs)

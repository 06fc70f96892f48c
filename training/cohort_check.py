"""What a cohort folder holds: how many patients have each modality, each fact and each feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from features.cohort import Cohort, Records
from features.encode import FeatureSpec, catalog, encode
from features.expression import signature_columns
from features.readers.folder import read_folder
from features.tumour_sample import VALUE_NAME, tumour_columns

_TABLES = {"genotypes": "germline calls", "clinical": "clinical facts", "medications": "medications"}
_VALUE = "tumour_"


@dataclass(frozen=True)
class FolderCheck:
    """Shares (0 to 1) of patients: by modality, by fact (`clinical/age`) and by feature that anyone has.

    `n_without` features known here are recorded for nobody. A fact counts on whatever day; a feature counts
    where it can be computed from what was known on day 0.
    """

    folder: Path
    n_patients: int
    fingerprint: str
    modalities: Mapping[str, float]
    facts: Mapping[str, float]
    features: Mapping[str, float]
    n_without: int


def check_folder(folder: Path) -> FolderCheck:
    """The folder held against its own rules, every fault told together, and what share is usable."""
    cohort = read_folder(folder)
    features = _features(cohort)
    usable = {name: share for name, share in features.items() if share}
    return FolderCheck(
        folder,
        len(cohort),
        cohort.fingerprint(),
        _modalities(cohort),
        dict(_facts(cohort)),
        usable,
        len(features) - len(usable),
    )


def _share(patients: int, cohort: Cohort) -> float:
    return patients / len(cohort) if len(cohort) else 0.0


def _patients(table: Records) -> int:
    return len({row[0] for row in table.rows})


def _modalities(cohort: Cohort) -> dict[str, float]:
    found = {title: _patients(getattr(cohort, name)) for name, title in _TABLES.items()}
    found["tumour sequencing"] = sum(map(len, cohort.patients_by_panel.values()))
    found["expression"] = int(cohort.has_expression().sum())
    found["outcomes"] = _patients(cohort.outcomes)
    return {title: _share(n, cohort) for title, n in found.items()}


def _facts(cohort: Cohort) -> dict[str, float]:
    """By fact, in the order of the tables and then by name."""
    found: dict[str, set[int]] = {}
    for table in ("genotypes", "clinical", "medications", "outcomes"):
        owners: dict[str, set[int]] = {}
        for row in getattr(cohort, table).rows:
            owners.setdefault(f"{table}/{row[1]}", set()).add(row[0])
        found |= dict(sorted(owners.items()))
    facts = {fact: _share(len(patients), cohort) for fact, patients in found.items()}
    for panel, read in cohort.patients_by_panel.items():
        facts[f"sequenced/{panel}"] = _share(len(read), cohort)
    for name, labels in cohort.groups.items():
        facts[f"groups/{name}"] = _share(sum(label is not None for label in labels), cohort)
    return facts


def _features(cohort: Cohort) -> dict[str, float]:
    names = list(catalog())
    if cohort.patients_by_panel:
        names += tumour_columns()
    said = [name.removeprefix(_VALUE) for name in cohort.clinical.rows_by_key if name.startswith(_VALUE)]
    names += [f"tumour.sample.{name}" for name in said if VALUE_NAME.fullmatch(name)]
    if cohort.expression is not None:
        names += signature_columns()
    names = list(dict.fromkeys(names))
    if not len(cohort):
        return dict.fromkeys(names, 0.0)
    known = ~np.isnan(encode(cohort, FeatureSpec(tuple(names))).values)
    return dict(zip(names, known.mean(axis=0).tolist(), strict=True))

"""Where a model may speak: what must be recorded, what it has seen, and what was filled in for a patient."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from features.errors import BundleError
from features.matrix import Feature, FeatureMatrix
from models.results import Notice

Names = tuple[str, ...]


@dataclass(frozen=True)
class Applicability:
    """What the training patients covered, and what a patient needs to be answered.

    Of each group in `required_any` one feature must be recorded. `ranges` are the training minimum and
    maximum by feature, `alleles` the alleles seen by locus, `categories` the texts seen by variable.
    """

    required_any: tuple[Names, ...]
    ranges: Mapping[str, tuple[float, float]]
    alleles: Mapping[str, Names]
    categories: Mapping[str, Names]

    @classmethod
    def learn(
        cls, matrix: FeatureMatrix, cohort: Cohort, required_any: tuple[Names, ...], absent: Collection[str]
    ) -> Self:
        """What these training patients covered; in `absent` features silence counts as a seen 0."""
        ranges = {}
        for name, column in zip(matrix.names, matrix.values.T, strict=True):
            seen = np.where(np.isnan(column), 0.0, column) if name in absent else column[~np.isnan(column)]
            if len(seen):
                ranges[name] = (float(seen.min()), float(seen.max()))
        alleles = {locus: _alleles(cohort, locus) for locus in _loci(matrix.features)}
        seen_texts = {variable: _texts(cohort, variable) for variable in _variables(matrix.features)}
        return cls(required_any, ranges, alleles, {v: texts for v, texts in seen_texts.items() if texts})

    def notices(
        self, matrix: FeatureMatrix, cohort: Cohort, absent: Collection[str]
    ) -> tuple[tuple[Notice, ...], ...]:
        """What stands beside each patient's answer; one with severity `decline` withholds the number."""
        words = self._words(matrix)
        missing = np.isnan(matrix.values)
        outside = (matrix.values < words.lowest) | (matrix.values > words.highest)
        found: list[list[Notice]] = [[] for _ in matrix.patient_ids]
        self._add_required(found, missing, words)
        _add_where(found, outside, words.outside)
        self._add_unseen(found, cohort)
        _add_linked(found, missing, cohort, words)
        _add_filled(found, missing, words, frozenset(absent))
        return tuple(tuple(notices) for notices in found)

    def _words(self, matrix: FeatureMatrix) -> _Words:
        names = matrix.names
        if names not in self._known_words:
            self._known_words[names] = _Words.of(matrix.features, self)
        return self._known_words[names]

    @cached_property
    def _known_words(self) -> dict[Names, _Words]:
        return {}

    def _add_required(self, found: list[list[Notice]], missing: NDArray[np.bool_], words: _Words) -> None:
        for columns, notice in words.required:
            for patient in np.flatnonzero(missing[:, columns].all(axis=1)).tolist():
                found[patient].append(notice)

    def _add_unseen(self, found: list[list[Notice]], cohort: Cohort) -> None:
        for locus, seen in self.alleles.items():
            rows = cohort.genotypes.rows_of(locus).tolist()
            for row in rows:
                if not set(str(cohort.genotypes.call[row]).split("/")) <= set(seen):
                    found[int(cohort.genotypes.patient[row])].append(_unknown_allele(locus))
        for variable, known in self.categories.items():
            for patient, text in enumerate(cohort.texts(variable).tolist()):
                if text is not None and text not in known:
                    found[patient].append(_unseen_category(variable))

    def to_json(self) -> dict[str, object]:
        """Plain lists and numbers."""
        return {
            "required_any": [list(group) for group in self.required_any],
            "ranges": {name: list(ends) for name, ends in self.ranges.items()},
            "alleles": {locus: list(seen) for locus, seen in self.alleles.items()},
            "categories": {variable: list(seen) for variable, seen in self.categories.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """The domain that wrote `data`."""
        match data:
            case {"required_any": list(groups), "ranges": dict(r), "alleles": dict(a), "categories": dict(c)}:
                ranges = {name: (float(ends[0]), float(ends[1])) for name, ends in r.items()}
                alleles = {locus: tuple(seen) for locus, seen in a.items()}
                texts = {variable: tuple(seen) for variable, seen in c.items()}
                return cls(tuple(tuple(g) for g in groups), ranges, alleles, texts)
        raise BundleError("applicability.json lacks required_any, ranges, alleles or categories")


@dataclass(frozen=True)
class _Words:
    """Per column: its range, and the notices that could be said of it, worded once."""

    names: Names
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    outside: tuple[Notice, ...]
    imputed: tuple[Notice, ...]
    linked: tuple[tuple[str, int, Notice], ...]
    required: tuple[tuple[list[int], Notice], ...]

    @classmethod
    def of(cls, features: tuple[Feature, ...], domain: Applicability) -> Self:
        names = tuple(f.name for f in features)
        ends = np.array([domain.ranges.get(name, (np.inf, -np.inf)) for name in names]).reshape(-1, 2)
        rsids = ((_locus(f), i, f) for i, f in enumerate(features) if f.block == "genotype")
        labels = {f.name: f.label for f in features}
        return cls(
            names,
            ends[:, 0],
            ends[:, 1],
            tuple(_outside(f) for f in features),
            tuple(_imputed(f) for f in features),
            tuple((locus, i, _linked(f, locus)) for locus, i, f in rsids if locus.startswith("rs")),
            tuple(([names.index(n) for n in g], _required(g, labels)) for g in domain.required_any),
        )


def _add_where(found: list[list[Notice]], where: NDArray[np.bool_], notices: tuple[Notice, ...]) -> None:
    for patient, column in np.argwhere(where).tolist():
        found[patient].append(notices[column])


def _add_linked(found: list[list[Notice]], missing: NDArray, cohort: Cohort, words: _Words) -> None:
    for locus, column, notice in words.linked:
        measured = set(cohort.genotypes.patient[cohort.genotypes.rows_of(locus)].tolist())
        for patient in np.flatnonzero(~missing[:, column]).tolist():
            if patient not in measured:
                found[patient].append(notice)


def _add_filled(found: list[list[Notice]], missing: NDArray, words: _Words, absent: frozenset[str]) -> None:
    silent: list[list[str]] = [[] for _ in found]
    for patient, column in np.argwhere(missing).tolist():
        name = words.names[column]
        if name in absent:
            silent[patient].append(name)
        else:
            found[patient].append(words.imputed[column])
    for patient, names in enumerate(silent):
        if names:
            found[patient].append(_silent_notice(names))


def _locus(feature: Feature) -> str:
    """The gene, or the rsid where the measure is of one SNP: `genotype.VKORC1.rs9923231_T_count`."""
    _, subject, measure = feature.name.split(".", 2)
    return measure.split("_", 1)[0] if measure.startswith("rs") else subject


def _loci(features: tuple[Feature, ...]) -> Names:
    return tuple(sorted({_locus(f) for f in features if f.block == "genotype"}))


def _variables(features: tuple[Feature, ...]) -> Names:
    return tuple(sorted({f.name.split(".", 2)[1] for f in features if f.block == "clinical"}))


def _alleles(cohort: Cohort, locus: str) -> Names:
    calls = cohort.genotypes.call[cohort.genotypes.rows_of(locus)].tolist()
    return tuple(sorted({allele for call in calls for allele in str(call).split("/")}))


def _texts(cohort: Cohort, variable: str) -> Names:
    return tuple(sorted({text for text in cohort.texts(variable).tolist() if text is not None}))


def _required(group: Names, labels: Mapping[str, str]) -> Notice:
    wanted = " or ".join(labels[name] for name in group)
    return Notice("required_missing", f"No number is given without {wanted}.", "decline", group[0])


def _outside(f: Feature) -> Notice:
    text = f"{_opening(f.label)} lies beyond every patient trained on."
    return Notice("out_of_range", text, "caution", f.name)


def _imputed(f: Feature) -> Notice:
    text = f"{_opening(f.label)} was not recorded; a typical value stands in."
    return Notice("imputed", text, "info", f.name)


def _linked(f: Feature, locus: str) -> Notice:
    text = f"{_opening(f.label)} was inferred from SNPs linked to {locus}."
    return Notice("linked_snp", text, "info", f.name)


def _unknown_allele(locus: str) -> Notice:
    return Notice("unknown_allele", f"{locus} has an allele that no patient trained on carried.")


def _unseen_category(variable: str) -> Notice:
    return Notice("unseen_category", f"{variable} has a category that no patient trained on was in.")


def _opening(label: str) -> str:
    return label[:1].upper() + label[1:]


def _silent_notice(names: list[str]) -> Notice:
    return Notice("unrecorded_as_absent", "Not recorded and read as no: " + ", ".join(names) + ".", "info")

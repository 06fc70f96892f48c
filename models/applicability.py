"""Where a model may speak: what must be recorded, what it has seen, and what was filled in for a patient."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from features.errors import BundleError
from features.matrix import Feature, FeatureMatrix
from models.results import Notice

Names = tuple[str, ...]
Columns = list[list[int]]
_NOT_CLINICAL = frozenset({"genotype", "medication", "tumour", "expression", "signature", "interaction"})


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
        words, silent = self._words(matrix.features), frozenset(absent)
        missing, outside = words.doubts(matrix.values)
        unseen = self._unseen(cohort)
        found = []
        for patient, (gone, beyond) in enumerate(zip(missing, outside, strict=True)):
            notices = [notice for columns, notice in words.required if columns.issubset(gone)]
            notices += [words.outside[column] for column in beyond]
            notices += unseen.get(patient, ())
            notices += words.inferred(cohort, patient, gone)
            notices += [words.imputed[column] for column in gone if words.names[column] not in silent]
            quiet = tuple(words.names[column] for column in gone if words.names[column] in silent)
            found.append((*notices, _silent_notice(quiet)) if quiet else tuple(notices))
        return tuple(found)

    def _words(self, features: tuple[Feature, ...]) -> _Words:
        known: _Words | None = self.__dict__.get("_known_words")
        if known is None or known.features is not features:
            known = self.__dict__["_known_words"] = _Words.of(features, self)
        return known

    def _unseen(self, cohort: Cohort) -> dict[int, list[Notice]]:
        """By patient position, what is said of alleles and categories that training never saw."""
        found: dict[int, list[Notice]] = {}
        for locus, alleles in self._known_alleles.items():
            for patient, call in cohort.genotypes.calls_at(locus).items():
                if not alleles.issuperset(call.split("/")):
                    found.setdefault(patient, []).append(_unknown_allele(locus))
        for variable, known in self.categories.items():
            for patient, (_, _, _, text, _) in cohort.clinical.latest_of(variable).items():
                if text is not None and text not in known:
                    found.setdefault(patient, []).append(_unseen_category(variable))
        return found

    @cached_property
    def _known_alleles(self) -> Mapping[str, frozenset[str]]:
        return {locus: frozenset(seen) for locus, seen in self.alleles.items()}

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

    features: tuple[Feature, ...]
    names: Names
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    outside: tuple[Notice, ...]
    imputed: tuple[Notice, ...]
    linked: tuple[tuple[str, int, Notice], ...]
    required: tuple[tuple[frozenset[int], Notice], ...]

    @classmethod
    def of(cls, features: tuple[Feature, ...], domain: Applicability) -> Self:
        names = tuple(f.name for f in features)
        ends = np.array([domain.ranges.get(name, (np.inf, -np.inf)) for name in names]).reshape(-1, 2)
        rsids = ((_locus(f), i, f) for i, f in enumerate(features) if f.block == "genotype")
        labels = {f.name: f.label for f in features}
        return cls(
            features,
            names,
            ends[:, 0],
            ends[:, 1],
            tuple(_outside(f) for f in features),
            tuple(_imputed(f) for f in features),
            tuple((locus, i, _linked(f, locus)) for locus, i, f in rsids if locus.startswith("rs")),
            tuple((frozenset(map(names.index, g)), _required(g, labels)) for g in domain.required_any),
        )

    def doubts(self, values: NDArray[np.float64]) -> tuple[Columns, Columns]:
        """Of each patient the columns that are missing, and those beyond the range trained on."""
        doubtful = ~((values >= self.lowest) & (values <= self.highest))
        where = (at.tolist() for at in np.nonzero(doubtful))
        missing: Columns = [[] for _ in values]
        outside: Columns = [[] for _ in values]
        for patient, column, value in zip(*where, values[doubtful].tolist(), strict=True):
            (missing if math.isnan(value) else outside)[patient].append(column)
        return missing, outside

    def inferred(self, cohort: Cohort, patient: int, missing: list[int]) -> list[Notice]:
        """What is said of SNPs that have a number although nobody measured them."""
        calls_at = cohort.genotypes.calls_at
        return [
            notice
            for locus, column, notice in self.linked
            if column not in missing and patient not in calls_at(locus)
        ]


def _locus(feature: Feature) -> str:
    """The gene, or the rsid where the measure is of one SNP: `genotype.VKORC1.rs9923231_T_count`."""
    _, subject, measure = feature.name.split(".", 2)
    return measure.split("_", 1)[0] if measure.startswith("rs") else subject


def _loci(features: tuple[Feature, ...]) -> Names:
    return tuple(sorted({_locus(f) for f in features if f.block == "genotype"}))


def _variables(features: tuple[Feature, ...]) -> Names:
    """Clinical variables that may be categories, of whichever block a study put them into."""
    known = (f.name.split(".", 2) for f in features if f.block not in _NOT_CLINICAL)
    return tuple(sorted({parts[1] for parts in known}))


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


@lru_cache(maxsize=1024)
def _silent_notice(names: Names) -> Notice:
    return Notice("unrecorded_as_absent", "Not recorded and read as no: " + ", ".join(names) + ".", "info")

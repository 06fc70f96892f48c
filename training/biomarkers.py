"""What a study's patients say of its features: chosen again and again, important, associated, for whom, and
what CPIC knows of their genes. A hypothesis is not a biomarker; what other patients would say is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from features.derived import BLOCK as PRODUCT
from features.errors import StudyError
from features.knowledge.evidence import cpic_evidence
from features.matrix import Feature
from models.estimators import column_medians
from training.association import associations
from training.design import Design
from training.importance import Importance, differences, importance, interactions
from training.stability import stability_selection
from training.study import Study
from training.study_parts import BiomarkersAsked

Numbers = NDArray[np.float64]
Rows = list[dict[str, object]]
FALSE_DISCOVERY_RATE = 0.05
_TOLD, _PAIRED, _EVIDENCE = 30, 6, 5
_DIGITS = 6


def biomarkers(study: Study, design: Design, levels: Mapping[str, NDArray]) -> dict[str, object]:
    """The document's section of that name; `levels` are each patient's, of each variable to compare by.

    Of a wide study the thirty first of each list are told. A panel of drugs has no such section yet.
    """
    if study.panel is not None:
        raise StudyError("biomarkers are told of one outcome; make a study of one drug of the panel")
    asked = study.biomarkers or BiomarkersAsked()
    features = design.matrix.features
    values = _silence_as_no(study, design)
    found = importance(study, design, asked.refits)
    leading = np.argsort(-found.value, kind="stable")[:_TOLD]
    selection = _selection(study, design, values, asked)
    tests = _associations(features, values, design.observed)
    differing = differences(found.contributions, levels, leading[:_PAIRED].tolist(), study.seed)
    named = {str(row["feature"]) for part in (selection, tests) for row in _rows(part)}
    named |= {features[j].name for j in leading.tolist()}
    return {
        "n": len(design.observed),
        "n_features": len(features),
        "selection": selection,
        "importance": _importances(features, found, leading.tolist()),
        "associations": tests,
        "interactions": _interactions(study, design, found, leading[:_PAIRED].tolist()),
        "products": _products(features, found),
        "differences": [_of(features, row) for row in map(asdict, differing)],
        "evidence": _evidence(study, [f for f in features if f.name in named]),
    }


def _silence_as_no(study: Study, design: Design) -> Numbers:
    """The features (n, p) with 0 where the study reads silence as no; NaN stays where nothing is known."""
    absent = np.isin(design.spec.names, study.spec.absent)
    values = design.matrix.values
    return np.where(np.isnan(values) & absent, 0.0, values)


def _selection(study: Study, design: Design, values: Numbers, asked: BiomarkersAsked) -> dict[str, object]:
    fill = column_medians(values, np.zeros(values.shape[1], dtype=bool))
    filled = np.where(np.isnan(values), fill, values)
    outcome = study.outcome.outcome(study.links[0])
    target = design.observed if study.outcome.is_binary else outcome.to_margin(design.observed)
    found = stability_selection(filled, target, asked.halves, asked.threshold, study.seed)
    selected = set(found.selected.tolist())
    order = np.argsort(-found.frequency, kind="stable")[: max(_TOLD, len(selected))]
    return {
        "n_halves": found.n_halves,
        "n_chosen": found.n_chosen,
        "threshold": found.threshold,
        "false_selections_at_most": round(found.bound, _DIGITS),
        "n_selected": len(selected),
        "features": [
            _of(
                design.matrix.features,
                {"column": j, "frequency": float(found.frequency[j]), "selected": j in selected},
            )
            for j in order.tolist()
            if found.frequency[j] > 0.0
        ],
    }


def _importances(features: Sequence[Feature], found: Importance, columns: Sequence[int]) -> Rows:
    told = zip(found.value.tolist(), found.lower.tolist(), found.upper.tolist(), strict=True)
    numbers = [dict(zip(("value", "lower", "upper"), row, strict=True)) for row in told]
    return [_of(features, {"column": j, **numbers[j]}) for j in columns]


def _associations(features: Sequence[Feature], values: Numbers, observed: Numbers) -> dict[str, object]:
    found = associations(values, observed)
    sure = [own for own in found if own.adjusted <= FALSE_DISCOVERY_RATE]
    return {
        "n_tested": len(found),
        "false_discovery_rate": FALSE_DISCOVERY_RATE,
        "n_found": len(sure),
        "features": [_of(features, asdict(own)) for own in found[:_TOLD]],
    }


def _interactions(study: Study, design: Design, found: Importance, columns: Sequence[int]) -> Rows:
    features = design.matrix.features
    pairs = interactions(found.blend, np.ascontiguousarray(design.matrix.values), columns, study.seed)
    return [
        {
            "features": [features[own.first].name, features[own.second].name],
            "strength": round(own.strength, _DIGITS),
            "share": round(own.share, _DIGITS),
        }
        for own in pairs
    ]


def _products(features: Sequence[Feature], found: Importance) -> Rows:
    """The products that the study declares, the most important first."""
    own = [j for j, feature in enumerate(features) if feature.block == PRODUCT]
    return _importances(features, found, sorted(own, key=lambda j: -float(found.value[j]))[:_TOLD])


def _of(features: Sequence[Feature], row: Mapping[str, object]) -> dict[str, object]:
    """A row that names its feature and gene in place of its column, with rounded numbers."""
    feature = features[int(str(row["column"]))]
    rest = {k: _rounded(k, v) for k, v in row.items() if k != "column"}
    return {"feature": feature.name, "label": feature.label, "gene": feature.gene, **rest}


def _rounded(name: str, value: object) -> object:
    if not isinstance(value, float):
        return value
    if not np.isfinite(value):
        return None
    return float(f"{value:.6g}") if name in ("p_value", "adjusted") else round(value, _DIGITS)


def _rows(part: Mapping[str, object]) -> Rows:
    found = part["features"]
    return found if isinstance(found, list) else []


def _evidence(study: Study, features: Sequence[Feature]) -> dict[str, Rows]:
    """By gene, what CPIC says of it and the study's drug, else the best of what it says of other drugs."""
    genes = sorted({feature.gene for feature in features if feature.gene})
    pairs = {gene: cpic_evidence(gene, study.outcome.drug)[:_EVIDENCE] for gene in genes}
    return {
        gene: [
            {**asdict(pair), "pmids": list(pair.pmids), "is_of_study": pair.drug == study.outcome.drug}
            for pair in own
        ]
        for gene, own in pairs.items()
        if own
    }

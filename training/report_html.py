"""The report of a run as one self-contained HTML document: no script, no other request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from features.matrix import FeatureMatrix
from models.bundle import LoadedBundle
from training.gates import GateResult
from training.study import Study


def report_page(
    study: Study,
    document: Mapping[str, object],
    gates: Sequence[GateResult],
    matrix: FeatureMatrix,
    loaded: LoadedBundle | None,
) -> str:
    """The page."""
    return "<p>"

"""Figures of an evaluation, as PNG and SVG: what a reader should see before trusting a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

from features.matrix import Feature
from training.evaluate import Evaluation
from training.study import Study

Numbers = NDArray[np.float64]
_MODEL, _FORMULA = "model", "iwpc_pharmacogenetic"
_INK, _OTHER, _GUIDE = "#1f5a7a", "#c26a2d", "#8a8a8a"


def write_figures(
    study: Study, evaluation: Evaluation, features: Sequence[Feature], importance: Numbers, folder: Path
) -> list[Path]:
    """Every figure into `folder`; `importance` (p,) is the mean absolute contribution of each feature."""
    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(
        {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "rxplain"}
    ):
        canvases = _canvases(study, evaluation, features, importance)
        return [path for name, canvas in canvases.items() for path in _save(canvas, folder / name)]


def _save(canvas: Canvas, path: Path) -> list[Path]:
    written = []
    for suffix, metadata in ((".png", {"Software": None}), (".svg", {"Date": None})):
        written.append(path.with_name(path.name + suffix))
        canvas.savefig(written[-1], dpi=150, metadata=metadata)
    return written


def _canvases(
    study: Study, evaluation: Evaluation, features: Sequence[Feature], importance: Numbers
) -> dict[str, Canvas]:
    document: Mapping[str, Any] = evaluation.document  # Any: its tables are keyed by names the study chose
    unit = study.outcome.unit
    canvases = {
        "predicted_vs_observed": _predicted(evaluation.pairs, unit),
        "comparators": _comparators(document["protocols"], unit),
        "importance": _importance(features, importance),
        "coverage_by_subgroup": _coverage(document["subgroups"], study.subgroups),
    }
    if document["sites"]:
        canvases["sites"] = _sites(document["sites"], unit)
    return canvases


def _canvas(width: float, height: float, columns: int = 1) -> tuple[Canvas, list[Axes]]:
    canvas = Canvas(figsize=(width, height), layout="constrained")
    return canvas, list(np.atleast_1d(canvas.subplots(1, columns)))


def _predicted(pairs: Numbers, unit: str) -> Canvas:
    canvas, (axes,) = _canvas(5, 5)
    observed, predicted = pairs.T
    highest = float(np.quantile(pairs, 0.999))
    axes.plot(predicted, observed, ".", ms=2.5, alpha=0.35, color=_INK, rasterized=True)
    line = np.array([0.0, highest])
    axes.plot(line, line, color=_GUIDE, lw=1)
    axes.fill_between(
        line, line / 1.2, line / 0.8, color=_GUIDE, alpha=0.15, lw=0, label="within 20% of the dose"
    )
    axes.set(xlim=(0, highest), ylim=(0, highest), xlabel=f"predicted, {unit}", ylabel=f"observed, {unit}")
    axes.set_title("Held-out patients")
    axes.legend(frameon=False, loc="upper left")
    return canvas


def _comparators(protocols: Mapping, unit: str) -> Canvas:
    canvas, panels = _canvas(4.2 * len(protocols), 2.8, len(protocols))
    for axes, (protocol, whos) in zip(panels, protocols.items(), strict=True):
        names = list(whos)[::-1]
        figures = [whos[name]["mae"] for name in names]
        values = np.array([figure["value"] for figure in figures])
        colours = [_INK if name == _MODEL else _GUIDE for name in names]
        axes.barh(names, values, color=colours, xerr=_ends(figures, values), ecolor="black", capsize=2)
        axes.set(title=protocol.replace("_", " "), xlabel=f"mean absolute error, {unit}")
    return canvas


def _ends(figures: Sequence[Mapping], values: Numbers) -> Numbers:
    lower = np.array(
        [value if f["lower"] is None else f["lower"] for f, value in zip(figures, values, strict=True)]
    )
    upper = np.array(
        [value if f["upper"] is None else f["upper"] for f, value in zip(figures, values, strict=True)]
    )
    return np.maximum(np.vstack([values - lower, upper - values]), 0.0)


def _sites(sites: Mapping, unit: str) -> Canvas:
    canvas, (errors, coverage) = _canvas(8.4, 0.24 * len(sites) + 1.4, 2)
    names = sorted(sites, key=lambda name: sites[name]["n"])
    rows = np.arange(len(names))
    errors.plot([sites[name]["mae"] for name in names], rows, "o", color=_INK, label="model, site unseen")
    if all(_FORMULA in sites[name]["comparators_mae"] for name in names):
        formula = [sites[name]["comparators_mae"][_FORMULA] for name in names]
        errors.plot(formula, rows, "d", color=_OTHER, mfc="none", label="IWPC 2009 formula")
    errors.set_yticks(rows, [f"site {name} (n = {sites[name]['n']})" for name in names])
    errors.set(xlabel=f"mean absolute error, {unit}")
    errors.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    coverage.plot([sites[name].get("coverage90", np.nan) for name in names], rows, "o", color=_INK)
    coverage.axvline(90, color=_GUIDE, lw=1)
    coverage.set_yticks(rows, [""] * len(names))
    coverage.set(xlabel="90% intervals cover, %")
    return canvas


def _importance(features: Sequence[Feature], importance: Numbers) -> Canvas:
    order = np.argsort(importance)[-20:]
    canvas, (axes,) = _canvas(7, 0.22 * len(order) + 1)
    colours = [_OTHER if features[i].gene else _INK for i in order]
    axes.barh([features[i].label for i in order], importance[order], color=colours)
    axes.set(xlabel="mean absolute contribution on the margin", title="Orange: germline")
    return canvas


def _coverage(subgroups: Mapping, variables: Sequence[str]) -> Canvas:
    rows = [
        (f"{protocol.replace('_', ' ')}: {level} (n = {found['n']})", found[_MODEL]["coverage90"])
        for protocol, told in subgroups.items()
        for variable in variables
        for level, found in told[variable].items()
        if "coverage90" in found[_MODEL]
    ]
    canvas, (axes,) = _canvas(7, 0.24 * len(rows) + 1)
    values = np.array([figure["value"] for _, figure in rows])
    positions = np.arange(len(rows))[::-1]
    ends = _ends([figure for _, figure in rows], values)
    axes.errorbar(values, positions, xerr=ends, fmt="o", color=_INK, ecolor=_GUIDE, capsize=2)
    axes.axvline(90, color=_GUIDE, lw=1)
    axes.set_yticks(positions, [name for name, _ in rows])
    axes.set(xlabel="90% intervals cover, %")
    return canvas

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
_LEADING = {
    "mae": "mean absolute error, {unit}",
    "auc": "area under the ROC curve",
    "spearman": "mean Spearman correlation over drugs",
}
_GROUPS, _PER_GROUP, _Z = 10, 20, 1.96
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
    unit, leading = study.outcome.unit, document.get("leading", "mae")
    canvases = {
        "comparators": _comparators(document["protocols"], leading, _LEADING[leading].format(unit=unit)),
        "importance": _importance(features, importance),
    }
    variables = [name for name in study.subgroups if document["subgroups"]]
    if variables:
        canvases["coverage_by_subgroup"] = _coverage(document["subgroups"], variables)
    if leading == "auc":
        canvases["reliability"] = _reliability(evaluation.pairs)
    elif leading == "spearman":
        canvases["drugs"] = _drugs(next(iter(document["drugs"].values())), study.comparators)
    else:
        canvases["predicted_vs_observed"] = _predicted(evaluation.pairs, unit)
        if document["sites"]:
            canvases["sites"] = _sites(document["sites"], unit)
    return canvases


def _reliability(pairs: Numbers) -> Canvas:
    """How often the event happened among patients answered alike, with 95% intervals (Wilson)."""
    canvas, (axes,) = _canvas(5, 5)
    observed, predicted = pairs.T
    groups = np.array_split(np.argsort(predicted), min(_GROUPS, max(len(pairs) // _PER_GROUP, 1)))
    mean = np.array([predicted[rows].mean() for rows in groups])
    rate = np.array([observed[rows].mean() for rows in groups])
    n = np.array([len(rows) for rows in groups])
    centre = (rate + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * np.sqrt(rate * (1 - rate) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    ends = np.maximum(np.vstack([rate - (centre - half), centre + half - rate]), 0.0)
    axes.plot([0, 1], [0, 1], color=_GUIDE, lw=1)
    axes.errorbar(mean, rate, yerr=ends, fmt="o", color=_INK, ecolor=_GUIDE, capsize=2)
    axes.plot(predicted, np.where(observed > 0.5, 1.02, -0.02), "|", ms=5, alpha=0.15, color=_INK)
    axes.set(xlim=(0, 1), ylim=(-0.04, 1.04), xlabel="probability answered", ylabel="share with the event")
    axes.set_title("Held-out patients, by tenth of the answers")
    return canvas


def _drugs(drugs: Mapping, comparators: Sequence[str]) -> Canvas:
    """Each drug's correlation, the model beside its comparators, the best drugs on top."""
    known = {name: own for name, own in drugs.items() if "spearman" in own[_MODEL]}
    order = sorted(known, key=lambda name: known[name][_MODEL]["spearman"])
    canvas, (axes,) = _canvas(7, 0.16 * len(order) + 1.2)
    rows = np.arange(len(order))
    for who, colour in zip(comparators, (_GUIDE, _OTHER, "#b9b9b9"), strict=False):
        values = [known[name][who].get("spearman", np.nan) for name in order]
        axes.plot(values, rows, "d", ms=3, color=colour, mfc="none", label=who.replace("_", " "))
    model = [known[name][_MODEL]["spearman"] for name in order]
    axes.plot(model, rows, "o", ms=4, color=_INK, label="model")
    axes.axvline(0, color=_GUIDE, lw=1)
    axes.set_yticks(rows, [f"{name} (n = {known[name]['n']})" for name in order], fontsize=6)
    axes.set(xlabel="Spearman correlation, held-out patients", ylim=(-1, len(order)))
    axes.legend(frameon=False, loc="lower right")
    return canvas


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


def _comparators(protocols: Mapping, leading: str, label: str) -> Canvas:
    n_rows = max(len(whos) for whos in protocols.values())
    canvas, panels = _canvas(5.4 * len(protocols), 0.26 * n_rows + 1.3, len(protocols))
    for axes, (protocol, whos) in zip(panels, protocols.items(), strict=True):
        names = [name for name in list(whos)[::-1] if leading in whos[name]]
        figures = [whos[name][leading] for name in names]
        values = np.array([figure["value"] for figure in figures])
        rows, ends = np.arange(len(names)), _ends(figures, values)
        for row, name in enumerate(names):
            colour = _INK if name == _MODEL else _GUIDE
            axes.errorbar(
                values[row], rows[row], xerr=ends[:, row : row + 1], fmt="o", color=colour, capsize=2
            )
        if _MODEL in names:
            axes.axvline(values[names.index(_MODEL)], color=_INK, lw=0.8, alpha=0.4)
        axes.set_yticks(rows, [name.replace("only:", "only ").replace("_", " ") for name in names])
        axes.set(title=protocol.replace("_", " "), xlabel=label)
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
    axes.set(xlabel="mean absolute contribution on the margin", title="Orange: of one gene")
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
    axes.set(xlabel="90% intervals or sets hold, %")
    return canvas

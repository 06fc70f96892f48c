"""How names, figures and intervals read in the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Figure = Mapping[str, Any]
MODEL = "model"
# How each metric reads: its name with {unit}, its decimals, and whether a lower value is better.
METRICS: Mapping[str, tuple[str, int]] = {
    "auc": ("AUC", 3),
    "auc_within": ("AUC within groups", 3),
    "spearman": ("mean Spearman correlation", 3),
    "mae": ("mean absolute error, {unit}", 2),
    "r2": ("R²", 3),
    "within20": ("within 20%, % of patients", 1),
    "brier": ("Brier score", 3),
    "brier_skill": ("Brier skill", 3),
    "log_loss": ("log loss", 3),
    "slope": ("calibration slope", 2),
    "intercept": ("calibration intercept", 2),
    "ece": ("expected calibration error", 3),
    "coverage90": ("90% interval holds, %", 1),
    "decided": ("names one outcome, %", 1),
}
_SHORT = {"mae": "mean absolute error", "within20": "within 20%", "coverage90": "90% interval holds"}
_UPPER = {
    "iwpc": "IWPC",
    "auc": "AUC",
    "mae": "MAE",
    "fdr": "FDR",
    "shap": "SHAP",
    "n": "patients",
    "coverage90": "90% interval holds, %",
}
_TINY = 0.0005


def spoken(name: object) -> str:
    """A name as it reads: `only:clinical+burden` as `only clinical + burden`."""
    words = str(name).replace("only:", "only ").replace("+", " + ").replace("_", " ")
    return " ".join(_UPPER.get(word, word) for word in words.split())


def heading(name: object) -> str:
    """A name as it opens a line."""
    words = spoken(name)
    return words[:1].upper() + words[1:]


def metric_name(metric: str, unit: str, *, short: bool = False) -> str:
    """What a metric is called; the short form goes without its unit."""
    if short and metric in _SHORT:
        return _SHORT[metric]
    return METRICS.get(metric, (spoken(metric), 3))[0].format(unit=unit).removesuffix(", ")


def decimals(metric: str) -> int:
    """How many decimals a metric is told with."""
    return METRICS.get(metric, ("", 3))[1]


def number(value: object, places: int = 3) -> str:
    """A number with its decimals, a whole one with separators; nothing for what is none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float) or not math.isfinite(value):
        return ""
    if value and abs(value) < 0.5 * 10.0**-places:
        return f"{0.0:.{places}f}"
    return f"{value:.{places}f}".replace("-", "\N{MINUS SIGN}")


def small_number(value: float) -> str:
    """A number of which also a very small one, such as a p-value, is told."""
    return f"{value:.1e}" if 0.0 < abs(value) < _TINY else number(value, 3)


def interval(figure: Figure | None, places: int = 3) -> str:
    """The ends of a figure's interval, `8.21 to 8.59`; nothing where it has none."""
    if figure is None or figure.get("lower") is None or figure.get("upper") is None:
        return ""
    return f"{number(float(figure['lower']), places)} to {number(float(figure['upper']), places)}"


def said(figure: Figure | None, places: int = 3, unit: str = "") -> str:
    """A figure with its interval, `8.40 mg/wk (8.21 to 8.59)`."""
    if figure is None or figure.get("value") is None:
        return ""
    ends = interval(figure, places)
    value = number(float(figure["value"]), places) + (f"{'' if unit == '%' else ' '}{unit}" if unit else "")
    return f"{value} ({ends})" if ends else value


def is_figure(found: object) -> bool:
    """Whether this is a value with the ends of its interval."""
    return isinstance(found, Mapping) and {"value", "lower", "upper"} <= found.keys()


def percent(share: float, places: int = 0) -> str:
    """A share as a percentage."""
    return f"{100 * share:.{places}f}%"


def large(found: Any) -> Any:  # Any: a tree of JSON
    """The same tree without any branch that says it holds fewer than ten patients (`n`)."""
    if isinstance(found, Mapping):
        return {key: large(branch) for key, branch in found.items() if not _is_small(branch)}
    if isinstance(found, list | tuple):
        return [large(branch) for branch in found if not _is_small(branch)]
    return found


def _is_small(branch: object) -> bool:
    n = branch.get("n") if isinstance(branch, Mapping) else None
    return isinstance(n, int | float) and not isinstance(n, bool) and n < 10

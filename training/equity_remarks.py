"""What the section `equity` says, in plain sentences: gaps that stand out, and what leaving out costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.equity import UNKNOWN
from training.study import Study
from training.study_equity import WELL_KNOWN, features_that_read

Section = Mapping[str, Any]  # Any: a part of the document


def equity_remarks(study: Study, section: Section) -> list[str]:
    """A sentence for each attribute whose groups surely differ in the leading metric, or was left out.

    Of an attribute that nobody has recorded it says so.
    """
    if study.equity is None:
        return []
    leading, name = ("auc", "AUC") if study.outcome.is_binary else ("mae", "mean absolute error")
    unit = "" if study.outcome.is_binary or study.outcome.unit == "1" else f" {study.outcome.unit}"
    told = []
    for attribute in study.equity.attributes:
        if set(section[attribute]["groups"]) <= set(UNKNOWN):
            told.append(f"Nobody's {attribute} is recorded here, so groups by it are not compared.")
        gap = section[attribute]["gap"].get(leading)
        if gap is None or (gap["difference"]["lower"] or 0.0) <= 0.0:
            continue
        found = _told(gap["difference"], unit)
        between = f"from {gap['lowest']} to {gap['highest']}"
        told.append(f"By {attribute} the {name} differs by {found}, {between}.")
    for attribute, cost in section.get("cost_of_leaving_out", {}).items():
        if leading in cost.get("figures", {}):
            change = _told(cost["figures"][leading]["difference"], unit, sign="+")
            told.append(f"Leaving {attribute} out changes the {name} by {change}.")
    return told


def undeclared_remarks(study: Study) -> list[str]:
    """That the study reads what is protected wherever it is recorded, and says nothing of it."""
    if study.equity is not None:
        return []
    read = [name for name in WELL_KNOWN if features_that_read(study, name)]
    if not read:
        return []
    return [
        f"The study reads {', '.join(read)} and declares no protected attribute: [equity] would tell "
        "whether answers are worse for some, and why these are inputs."
    ]


def _told(figure: Section, unit: str, sign: str = "") -> str:
    value = f"{figure['value']:{sign}.2f}{unit}"
    if figure["lower"] is None:
        return value
    return f"{value} ({figure['lower']:{sign}.2f} to {figure['upper']:{sign}.2f})"

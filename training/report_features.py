"""The section on what answers are made of: how contributions are spread, and importance with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from training.report_contributions import Spread
from training.report_forest import Row, Scale, draw_forest
from training.report_parts import Panel, Section, Table
from training.report_sections import formed, mark
from training.report_shapes import WIDTH, Axis, fitting, line, nice_values, picture, rect, text
from training.report_words import number, said

_ROW, _HEAD, _FOOT, _TALL, _SHADES = 40.0, 30.0, 40.0, 16.0, 5


def features(spreads: Sequence[Spread], scale: str) -> Section | None:
    """How the strongest features push answers; `scale` is the unit of the margin."""
    if not spreads:
        return None
    title = f"{spreads[0].feature.label} moves answers most"
    title += f", then {spreads[1].feature.label}" if len(spreads) > 1 else ""
    places = _places(spreads)
    swarm = Panel(
        title,
        _draw(title, spreads, scale, places),
        "Height is how many patients have such a contribution, colour whether their value of the feature is "
        "low or high; pale where it was not recorded. Cells of fewer than ten patients are merged.",
        (_table(spreads, scale, places),),
    )
    strongest = said(spreads[0].importance, places)
    own = f"{spreads[0].feature.label} moves an answer by {strongest} on the mean"
    rows = [Row(s.feature.label, mark(s.importance)) for s in spreads]
    axis = Scale(f"mean absolute contribution, {scale}", formed(places), 0.0)
    listed = "; ".join(f"{s.feature.label}: {said(s.importance, places)}" for s in spreads)
    figure = draw_forest("importance", (own, f"{listed}."), rows, axis)
    caption = "95% intervals redraw patients; what fitting the model again would add is not in them."
    lead = (
        "Contributions add up to the answer on the scale it is made on. They explain the model, and are not "
        "effects of changing a patient's treatment."
    )
    rows_told = [[s.feature.label, s.feature.block, said(s.importance, places)] for s in spreads]
    table = Table("", ["Feature", "Block", "Mean absolute contribution"], rows_told)
    panels = (swarm, Panel(own, figure, caption, (table,)))
    return Section("contributions", "What answers are made of", lead, panels)


def _places(spreads: Sequence[Spread]) -> int:
    """Decimals that tell the features apart."""
    largest = float(spreads[0].importance["value"] or 1.0)
    return min(max(2 - math.floor(math.log10(largest)), 0), 6) if largest > 0 else 2


def _draw(title: str, spreads: Sequence[Spread], scale: str, places: int) -> Markup:
    ends = [end for s in spreads for cell in s.cells for end in (cell.low, cell.high)]
    axis = Axis(min(ends), max(ends), 4.0, WIDTH - 4.0)
    foot = _HEAD + _ROW * len(spreads)
    parts = [*_legend()]
    for value in nice_values(axis.low, axis.high, 6):
        parts.append(line("grid", axis(value), _HEAD - 6.0, axis(value), foot + 4.0))
        where = "start" if axis(value) < 14 else "end" if axis(value) > WIDTH - 14 else "middle"
        parts.append(text("axis", axis(value), foot + 17.0, number(float(value), min(places, 2)), where))
    parts.append(line("guide", axis(0.0), _HEAD - 6.0, axis(0.0), foot))
    for i, own in enumerate(spreads):
        parts += _strip(own, _HEAD + _ROW * i, axis)
    parts.append(text("name", WIDTH, foot + 35.0, fitting(f"contribution, {scale}", WIDTH), "end"))
    told = (f"{s.feature.label}: {said(s.importance, places)} on the mean" for s in spreads)
    return picture("contributions-figure", foot + _FOOT, (title, "; ".join(told) + "."), parts)


def _strip(own: Spread, y: float, axis: Axis) -> list[Markup]:
    most = max(cell.density for cell in own.cells)
    middle = y + 25.0
    parts = []
    for cell in own.cells:
        tall = max(_TALL * math.sqrt(cell.density / most), 1.5)
        parts.append(rect(_shade(cell.value), axis(cell.low), middle - tall / 2, axis(cell.high) + 0.3, tall))
    return [*parts, text("label", 0.0, y + 11.0, fitting(own.feature.label, WIDTH))]


def _shade(value: float | None) -> str:
    return "unknown" if value is None else f"shade{min(int(value * _SHADES), _SHADES - 1)}"


def _legend() -> list[Markup]:
    parts = [text("axis", 0.0, 12.0, "low value")]
    parts += [rect(f"shade{i}", 63.0 + 14.0 * i, 4.0, 77.0 + 14.0 * i, 9.0) for i in range(_SHADES)]
    parts.append(text("axis", 140.0, 12.0, "high value"))
    return parts


def _table(spreads: Sequence[Spread], scale: str, places: int) -> Table:
    body = [
        [s.feature.label, said(s.importance, places), number(s.low, places), number(s.high, places)]
        for s in spreads
    ]
    head = ["Feature", "Mean absolute", "Mean, low values", "Mean, high values"]
    return Table(f"Contributions, {scale}; low and high are the thirds of the values", head, body)

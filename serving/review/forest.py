"""A ranking as a forest plot: one small picture a row, all on one axis, and the axis itself."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from serving.review.measure import Measure
from serving.review.rank_view import OptionRow, RankView
from serving.review.shapes import Axis, anchor, circle, line, nice_values, rect, text

_WIDTH = 360.0
_HEIGHT = 24
_ROOM = 0.05


@dataclass(frozen=True, slots=True)
class Forest:
    """The axis, and a picture a row; an empty one where no number is given."""

    axis: Markup
    rows: tuple[Markup, ...]


def draw_forest(view: RankView) -> Forest | None:
    """The options on one axis; None where none of them has a number."""
    answered = [row for row in view.rows if row.value is not None]
    if not answered:
        return None
    axis = _axis(answered, view.measure)
    first = axis(float(answered[0].value or 0.0))
    return Forest(_scale(axis, view.measure), tuple(_picture(row, axis, first) for row in view.rows))


def _axis(rows: list[OptionRow], measure: Measure) -> Axis:
    ends = [end for row in rows for end in (row.value, row.lower, row.upper) if end is not None]
    low, high = min(ends), max(ends)
    room = _ROOM * (high - low or 1.0)
    if measure.is_probability:
        return Axis(max(low - room, 0.0), min(high + room, 1.0), _WIDTH, 8.0)
    return Axis(low - room, high + room, _WIDTH, 8.0)


def _picture(row: OptionRow, axis: Axis, first: float) -> Markup:
    parts = [line("first", first, 0, first, _HEIGHT)]
    if row.value is not None:
        left = axis(row.lower) if row.lower is not None else 0.0
        right = axis(row.upper) if row.upper is not None else _WIDTH
        parts += [
            rect("interval", left, 8, max(right, left + 2), 8, 4),
            circle("dot", axis(row.value), 12, 5),
        ]
    return _svg(_HEIGHT, parts)


def _scale(axis: Axis, measure: Measure) -> Markup:
    parts = [line("tick", 0, 21, _WIDTH, 21)]
    for value in nice_values(axis.low, axis.high, 5):
        x = axis(value)
        said = f"{100 * value:.0f}%" if measure.is_probability else measure.figure(value)
        parts += [line("tick", x, 17, x, 21), text("axis", x, 12, said, anchor(x, _WIDTH))]
    return _svg(22, parts)


def _svg(height: int, parts: list[Markup]) -> Markup:
    """A picture whose row says in words what it shows."""
    opening = Markup('<svg class="forest" viewBox="0 0 {:g} {}" aria-hidden="true">').format(_WIDTH, height)
    return opening + Markup("").join(parts) + Markup("</svg>")

"""What became of patients alike as pictures: one a row, all on one axis with this patient's answer."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from serving.review.measure import Measure
from serving.review.near_view import Came, NearView
from serving.review.shapes import Axis, anchor, circle, line, nice_values, rect, text

_WIDTH, _HEIGHT, _EDGE = 360.0, 24, 8.0
_ROOM = 0.05
_MOST_TICKS = 5


@dataclass(frozen=True, slots=True)
class Drawn:
    """The axis, a picture of each row of the page, and those of each group's treatments."""

    axis: Markup
    rows: tuple[Markup, ...]
    options: tuple[tuple[Markup, ...], ...]


def draw_near(view: NearView, measure: Measure) -> Drawn | None:
    """All on one axis, with a dashed line at this patient's answer; None where there is nothing to draw."""
    if not view.rows:
        return None
    told = (*view.rows, *(one for group in view.groups for one in group.options))
    axis = _axis(told, measure)
    at = axis(view.rows[0].value or 0.0)
    rows = tuple(_picture(one, axis, at, measure) for one in view.rows)
    options = tuple(tuple(_picture(one, axis, at, measure) for one in group.options) for group in view.groups)
    return Drawn(_scale(axis, measure), rows, options)


def _axis(told: tuple[Came, ...], measure: Measure) -> Axis:
    if measure.is_probability:
        return Axis(0.0, 1.0, _WIDTH, _EDGE)
    each = (end for one in told for end in (one.value, one.lower, one.upper, *(one.wide or ())))
    ends = [end for end in each if end is not None]
    low, high = min(ends), max(ends)
    room = _ROOM * (high - low or 1.0)
    return Axis(max(low - room, 0.0) if low >= 0.0 else low - room, high + room, _WIDTH, _EDGE)


def _picture(one: Came, axis: Axis, at: float, measure: Measure) -> Markup:
    parts = [line("first", at, 0, at, _HEIGHT)]
    if one.value is not None:
        x = axis(one.value)
        parts += [*_spread(one, axis), *_middle(one, x, measure)]
    return _svg(_HEIGHT, parts)


def _spread(one: Came, axis: Axis) -> list[Markup]:
    """From where to where: of this patient to the sides where it is unbounded, of others where it is told."""
    parts = [rect("pop-wide", axis(one.wide[0]), 7, axis(one.wide[1]), 10)] if one.wide else []
    if one.kind == "own":
        left = axis(one.lower) if one.lower is not None else 0.0
        right = axis(one.upper) if one.upper is not None else _WIDTH
        parts.append(rect("interval", left, 8, max(right, left + 2), 8, 4))
    elif one.lower is not None and one.upper is not None:
        left = axis(one.lower)
        parts.append(rect("pop-half", left, 7, max(axis(one.upper), left + 2), 10))
    return parts


def _middle(one: Came, x: float, measure: Measure) -> list[Markup]:
    if one.kind == "own":
        return [circle("dot", x, 12, 5)]
    return [circle("start", x, 12, 5)] if measure.is_probability else [line("pop-median", x, 4, x, 20)]


def _scale(axis: Axis, measure: Measure) -> Markup:
    parts = [line("tick", 0, 21, _WIDTH, 21)]
    for value in nice_values(axis.low, axis.high, _MOST_TICKS):
        x = axis(value)
        said = f"{100 * value:.0f}%" if measure.is_probability else measure.figure(value)
        parts += [line("tick", x, 17, x, 21), text("axis", x, 12, said, anchor(x, _WIDTH))]
    return _svg(22, parts)


def _svg(height: int, parts: list[Markup]) -> Markup:
    """A picture whose row says in words what it shows."""
    opening = Markup('<svg class="forest" viewBox="0 0 {:g} {}" aria-hidden="true">').format(_WIDTH, height)
    return opening + Markup("").join(parts) + Markup("</svg>")

"""Figures with a row for each thing compared: a dot, its interval, and the number beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from training.report_shapes import (
    LETTER,
    WIDTH,
    Axis,
    brief,
    circle,
    cut_within,
    diamond,
    fitting,
    line,
    nice_values,
    picture,
    text,
)

_ROW, _LEGEND, _FOOT, _MOST_ROOM = 22.0, 24.0, 40.0, 206.0
_NUMBER_ROOM, _WIDE = 46.0, 170.0


@dataclass(frozen=True)
class Mark:
    """A value with the ends of its interval, where it has one."""

    value: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Row:
    """What a row is called, its mark, and the mark of what it is held against; a `head` row has neither."""

    label: str
    mark: Mark | None = None
    other: Mark | None = None
    strong: bool = False


@dataclass(frozen=True)
class Scale:
    """What the rows are measured by: its name, how its numbers read, and a line to hold them against."""

    name: str
    form: Callable[[float], str]
    guide: float | None = None
    guide_name: str = ""
    own_name: str = ""
    other_name: str = ""


def draw_forest(name: str, words: tuple[str, str], rows: Sequence[Row], scale: Scale) -> Markup:
    """The rows on one axis, the first on top."""
    longest = max(len(row.label) for row in rows)
    room = min(max(longest * LETTER + 8.0, 60.0), _MOST_ROOM)
    axis = _axis(rows, scale, room + 10.0, WIDTH - _NUMBER_ROOM)
    head = _LEGEND if scale.own_name else 4.0
    foot = head + _ROW * len(rows)
    parts = _guides(axis, scale, head, foot)
    for i, row in enumerate(rows):
        parts += _row(row, head + _ROW * (i + 0.5), axis, scale, room)
    parts += _legend(scale, room)
    return picture(name, foot + _FOOT, words, parts)


def _axis(rows: Sequence[Row], scale: Scale, start: float, end: float) -> Axis:
    marks = [mark for row in rows for mark in (row.mark, row.other) if mark is not None]
    ends = [e for mark in marks for e in (mark.value, mark.lower, mark.upper) if e is not None]
    ends += [] if scale.guide is None else [scale.guide]
    spread = (max(ends) - min(ends)) or 1.0
    return Axis(min(ends) - 0.04 * spread, max(ends) + 0.04 * spread, start, end)


def _guides(axis: Axis, scale: Scale, head: float, foot: float) -> list[Markup]:
    parts = []
    for value in nice_values(axis.low, axis.high, 5 if axis.end - axis.start > _WIDE else 3):
        parts.append(line("grid", axis(value), head, axis(value), foot + 4.0))
        parts.append(text("axis", axis(value), foot + 17.0, brief(value), "middle"))
    if scale.guide is not None:
        parts.append(line("guide", axis(scale.guide), head, axis(scale.guide), foot))
    words = scale.name if not scale.guide_name else f"{scale.name}; dashed: {scale.guide_name}"
    return [*parts, text("name", WIDTH, foot + 35.0, fitting(words, WIDTH), "end")]


def _row(row: Row, y: float, axis: Axis, scale: Scale, room: float) -> list[Markup]:
    strong = " strong" if row.strong else ""
    parts = [text(f"label{strong}", 0.0, y + 4.0, cut_within(row.label, room))]
    if row.other is not None:
        at = y + 5.0
        parts += _whisker("whisker other", row.other, at, axis)
        parts.append(diamond("other-dot", axis(row.other.value), at, 4.0))
    if row.mark is not None:
        at = y - 3.5 if row.other is not None else y
        parts += _whisker("whisker", row.mark, at, axis)
        parts.append(circle("dot" if row.strong or row.other else "plain-dot", axis(row.mark.value), at, 4.2))
        parts.append(text(f"figure{strong}", WIDTH, y + 4.0, scale.form(row.mark.value), "end"))
    return parts


def _whisker(kind: str, mark: Mark, y: float, axis: Axis) -> list[Markup]:
    if mark.lower is None or mark.upper is None:
        return []
    return [line(kind, axis(mark.lower), y, axis(mark.upper), y)]


def _legend(scale: Scale, room: float) -> list[Markup]:
    """The two marks with their names, over the rows."""
    if not scale.own_name:
        return []
    own, x = scale.own_name, room + 10.0
    parts = [circle("dot", x, 11.0, 4.2), text("end model", x + 9.0, 15.0, own)]
    if scale.other_name:
        x += 9.0 + (len(own) + 3) * LETTER
        parts.append(diamond("other-dot", x, 11.0, 4.0))
        parts.append(text("end other", x + 9.0, 15.0, fitting(scale.other_name, WIDTH - x - 9.0)))
    return parts

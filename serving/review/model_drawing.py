"""The pictures of a model's page: figures with their intervals on one axis, and histograms of inputs."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from serving.review.model_view import FeatureRow, Forest
from serving.review.shapes import Axis, anchor, circle, line, nice_values, rect, text

_WIDTH, _HEIGHT, _EDGE = 360.0, 24, 8.0
_ROOM = 0.06
_BAR, _TALL = 7.0, 16.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """A forest with its axis and a picture a row."""

    forest: Forest
    axis: Markup
    rows: tuple[Markup, ...]


def draw_figures(forest: Forest) -> Drawn:
    """The rows on one axis that holds all intervals; the dashed line is the forest's, or the first row's."""
    ends = [end for row in forest.rows for end in (row.lower, row.value, row.upper)]
    ends += [] if forest.line is None else [forest.line]
    low, high = min(ends), max(ends)
    room = _ROOM * ((high - low) or abs(high) or 1.0)
    axis = Axis(low - room, high + room, _WIDTH, _EDGE)
    at = axis(forest.rows[0].value if forest.line is None else forest.line)
    pictures = []
    for row in forest.rows:
        left, right = axis(row.lower), axis(row.upper)
        kind = "interval" if row.is_ours else "pop-half"
        parts = [line("first", at, 0, at, _HEIGHT), rect(kind, left, 8, max(right, left + 2), 8, 4)]
        parts.append(circle("dot" if row.is_ours else "start", axis(row.value), 12, 5))
        pictures.append(_svg("forest", _WIDTH, _HEIGHT, parts))
    return Drawn(forest, _scale(axis), tuple(pictures))


def draw_histogram(row: FeatureRow) -> Markup:
    """The shares of patients in each cell, the first and the last open to their sides."""
    if not row.has_picture:
        return Markup("")
    tallest = max(row.shares) or 1.0
    parts = []
    for i, share in enumerate(row.shares):
        height = round(_TALL * share / tallest, 2)
        shape = '<rect class="here" x="{}" y="{}" width="{}" height="{}"/>'
        parts.append(Markup(shape).format(i * _BAR, round(_TALL - height, 2), _BAR - 1, height))
    parts.append(line("tick", 0, _TALL, len(row.shares) * _BAR, _TALL))
    return _svg("histogram", len(row.shares) * _BAR, int(_TALL), parts)


def _scale(axis: Axis) -> Markup:
    parts = [line("tick", 0, 21, _WIDTH, 21)]
    for value in nice_values(axis.low, axis.high, 5):
        x = axis(value)
        parts += [line("tick", x, 17, x, 21), text("axis", x, 12, f"{value:g}", anchor(x, _WIDTH))]
    return _svg("forest", _WIDTH, 22, parts)


def _svg(kind: str, width: float, height: int, parts: list[Markup]) -> Markup:
    """A picture whose row says in words what it shows."""
    opening = Markup('<svg class="{}" viewBox="0 0 {:g} {}" aria-hidden="true">').format(kind, width, height)
    return opening + Markup("").join(parts) + Markup("</svg>")

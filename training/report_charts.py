"""Figures with two axes: lines with bands, each named at its end, and observed against answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from training.report_shapes import (
    LETTER,
    WIDTH,
    Axis,
    Point,
    circle,
    fitting,
    line,
    nice_values,
    path,
    picture,
    shape,
    text,
)

_LEFT, _TOP, _FOOT, _HEIGHT = 40.0, 30.0, 40.0, 280.0
_LINE_APART = 15.0
_END = 6.0
Format = Callable[[float], str]


@dataclass(frozen=True)
class Side:
    """One axis: what it measures, its ends, and how its values read."""

    name: str
    low: float
    high: float
    form: Format


@dataclass(frozen=True)
class Line:
    """A named line of a style's class through points, with a band (lower, upper) where it has one."""

    name: str
    kind: str
    points: Sequence[Point]
    band: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Dot:
    """What was observed, with its interval, where so much was answered."""

    answered: float
    observed: float
    lower: float
    upper: float


def draw_lines(
    name: str, words: tuple[str, str], x: Side, y: Side, lines: Sequence[Line], inside: Line | None = None
) -> Markup:
    """Lines on two axes, each named at its right end; `inside` is named within the picture."""
    room = min(max(len(own.name) for own in lines) * (LETTER + 0.6) + 10.0, 130.0)
    across, up = _axes(x, y, WIDTH - room)
    parts = _frame(x, y, across, up)
    drawn = [*lines, *(() if inside is None else (inside,))]
    parts += [_band(own, across, up) for own in drawn if own.band]
    parts += [path(f"line {own.kind}", _within(own.points, y, across, up)) for own in drawn]
    parts += _end_names(lines, across, up, room)
    if inside is not None:
        parts += _inner_name(inside, y, across, up)
    return picture(name, _HEIGHT, words, parts)


def draw_reliability(name: str, words: tuple[str, str], x: Side, y: Side, dots: Sequence[Dot]) -> Markup:
    """Dots with intervals about the line on which what is answered is what is observed."""
    across, up = _axes(x, y, WIDTH - 46.0)
    low, high = max(x.low, y.low), min(x.high, y.high)
    parts = _frame(x, y, across, up)
    parts.append(line("line ideal", across(low), up(low), across(high), up(high)))
    parts.append(text("end ideal", across(high) + 6.0, up(high) + 4.0, "equal"))
    for dot in dots:
        at = across(dot.answered)
        parts.append(line("whisker", at, up(dot.lower), at, up(dot.upper)))
    parts += [circle("dot", across(dot.answered), up(dot.observed), 4.5) for dot in dots]
    return picture(name, _HEIGHT, words, parts)


def _axes(x: Side, y: Side, right: float) -> tuple[Axis, Axis]:
    return Axis(x.low, x.high, _LEFT, right), Axis(y.low, y.high, _HEIGHT - _FOOT, _TOP)


def _frame(x: Side, y: Side, across: Axis, up: Axis) -> list[Markup]:
    """Light lines at round values, their numbers, and what the axes measure."""
    parts = []
    for value in nice_values(y.low, y.high, 5):
        parts.append(line("grid", _LEFT, up(value), across.end, up(value)))
        parts.append(text("axis", _LEFT - 6.0, up(value) + 4.0, y.form(value), "end"))
    for value in nice_values(x.low, x.high, 5):
        parts.append(line("grid", across(value), up.start, across(value), up.start + 4.0))
        parts.append(text("axis", across(value), up.start + 17.0, x.form(value), "middle"))
    parts.append(text("name", 0.0, 13.0, fitting(y.name, WIDTH)))
    middle = (_LEFT + across.end) / 2.0
    parts.append(text("name", middle, _HEIGHT - 5.0, fitting(x.name, WIDTH), "middle"))
    return parts


def _band(own: Line, across: Axis, up: Axis) -> Markup:
    xs = [x for x, _ in own.points]
    lower = [(across(x), up(low)) for x, (low, _) in zip(xs, own.band, strict=True)]
    upper = [(across(x), up(high)) for x, (_, high) in zip(xs, own.band, strict=True)]
    return shape(f"band {own.kind}", [*lower, *upper[::-1]])


def _within(points: Sequence[Point], y: Side, across: Axis, up: Axis) -> list[Point]:
    """The points in the picture's units, up to where the line leaves it at the foot."""
    found: list[Point] = []
    for i, (px, py) in enumerate(points):
        if py < y.low:
            if i:
                (qx, qy) = points[i - 1]
                share = (qy - y.low) / (qy - py)
                found.append((across(qx + share * (px - qx)), up(y.low)))
            break
        found.append((across(px), up(py)))
    return found


def _end_names(lines: Sequence[Line], across: Axis, up: Axis, room: float) -> list[Markup]:
    """Each line's name at its end, none upon another."""
    wanted = sorted(((up(own.points[-1][1]), own) for own in lines), key=lambda pair: pair[0])
    places: list[float] = []
    for at, _ in wanted:
        places.append(max(at, places[-1] + _LINE_APART) if places else at)
    beyond = max(places[-1] - up.start, 0.0)
    return [
        text(f"end {own.kind}", across.end + 6.0, place - beyond + 4.0, fitting(own.name, room - 6.0))
        for place, (_, own) in zip(places, wanted, strict=True)
    ]


def _inner_name(own: Line, y: Side, across: Axis, up: Axis) -> list[Markup]:
    """The name beside the place where the line leaves at the foot, left of it where there is room."""
    x, at = _within(own.points, y, across, up)[-1]
    foot = at - _END
    if x - len(own.name) * (LETTER + 1.0) - 8.0 > _LEFT:
        return [text(f"end {own.kind}", x - 8.0, foot, own.name, "end")]
    return [text(f"end {own.kind}", x + 8.0, foot, own.name)]

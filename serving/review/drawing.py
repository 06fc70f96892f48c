"""The pictures of one answer as inline SVG: the band and the waterfall."""

from __future__ import annotations

import math

from markupsafe import Markup

from serving.review.measure import Measure
from serving.review.shapes import (
    EDGE,
    WIDTH,
    Axis,
    anchor,
    arrow,
    circle,
    line,
    nice_values,
    picture,
    rect,
    text,
)
from serving.review.steps import Scale, Step
from serving.review.views import Band, Waterfall
from serving.review.words import signed

_STEP_HEIGHT = 42.0
_BAR_HEIGHT = 13.0
_LABEL_LETTERS = 44
_TICK_ROOM = 28.0
_LEAST_BAR = 2.0


def draw_band(band: Band, name: str = "band") -> Markup:
    """The estimate and its interval over what the training patients had."""
    return _draw_chance(band, name) if band.measure.is_probability else _draw_quantity(band, name)


def _draw_quantity(band: Band, name: str) -> Markup:
    """Over the spread of the training patients' outcomes."""
    told = sorted(band.quantiles)
    low, high = band.quantiles[told[0]], band.quantiles[told[-1]]
    ghost = [end for end in band.ghost or () if end is not None]
    top = max(high, band.upper or 0.0, band.value, *ghost) * 1.06
    axis = Axis(0.0, top)
    parts = [rect("pop-wide", axis(low), 46, axis(high), 12), *_estimate(band, axis)]
    if {0.25, 0.75} <= set(told):
        parts.insert(1, rect("pop-half", axis(band.quantiles[0.25]), 46, axis(band.quantiles[0.75]), 12))
    if 0.5 in told:
        parts.append(line("pop-median", axis(band.quantiles[0.5]), 43, axis(band.quantiles[0.5]), 61))
    parts += _ticks(axis, nice_values(0.0, top, 6), band.measure)
    median = (
        f", half of them above {band.measure.figure(band.quantiles[0.5])}" if 0.5 in band.quantiles else ""
    )
    words = (
        f"{_opening(band)} Of {band.n} patients trained on, most needed {band.measure.figure(low)} to "
        f"{band.measure.said(high)}{median}."
    )
    return picture(name, 86, ("The estimate beside the patients trained on", words), parts)


def _draw_chance(band: Band, name: str) -> Markup:
    """From 0 to 100%, beside the share of the training patients who had the event."""
    axis = Axis(0.0, 1.0)
    parts = [rect("pop-wide", axis(0.0), 46, axis(1.0), 12), *_estimate(band, axis)]
    words = _opening(band)
    if band.mean is not None:
        x = axis(band.mean)
        parts += [rect("pop-half", axis(0.0), 46, x, 12), line("pop-median", x, 40, x, 61)]
        words += f" Of {band.n} patients trained on, {band.measure.figure(band.mean)} had it."
    parts += _ticks(axis, [0.0, 0.25, 0.5, 0.75, 1.0], band.measure)
    return picture(name, 86, ("The estimate beside the patients trained on", words), parts)


def _estimate(band: Band, axis: Axis) -> list[Markup]:
    left = axis(band.lower) if band.lower is not None else 0.0
    right = axis(band.upper) if band.upper is not None else WIDTH
    parts = [rect("interval", left, 18, right, 12, 6), circle("dot", axis(band.value), 24, 8)]
    if band.ghost is not None:
        value, lower, upper = band.ghost
        left = axis(lower) if lower is not None else 0.0
        right = axis(upper) if upper is not None else WIDTH
        parts += [rect("ghost", left, 3, right, 8, 4), circle("ghost", axis(value), 7, 5)]
    return parts


def _opening(band: Band) -> str:
    return f"The estimate is {band.measure.said(band.value)}."


def _ticks(axis: Axis, values: list[float], measure: Measure) -> list[Markup]:
    parts: list[Markup] = []
    for value in values:
        said = f"{100 * value:.0f}%" if measure.is_probability else measure.figure(value)
        parts.append(line("tick", axis(value), 64, axis(value), 68))
        parts.append(text("axis", axis(value), 81, said, anchor(axis(value))))
    return parts


def draw_waterfall(fall: Waterfall, name: str = "waterfall") -> Markup:
    """The contributions as bars from the typical patient to this one, the outcome reached beside each."""
    positions = [fall.base, fall.margin, *(step.end for step in fall.steps)]
    spread = max(positions) - min(positions) or 1.0
    axis = Axis(min(positions) - 0.04 * spread, max(positions) + 0.04 * spread)
    start, end = (fall.measure.said(fall.scale.outcome(at)) for at in (fall.base, fall.margin))
    parts = [_mark("start", 0.0, axis(fall.base), fall.ends[0], start)]
    block = ""
    for i, step in enumerate(fall.steps, start=1):
        parts += _bar(i * _STEP_HEIGHT, axis, step, step.block if step.block != block else "")
        block = step.block
    y = (len(fall.steps) + 1) * _STEP_HEIGHT
    parts.append(line("link", axis(fall.margin), y - 11, axis(fall.margin), y + 18))
    parts.append(_mark("finish", y, axis(fall.margin), fall.ends[1], end))
    parts += _scale_ticks(axis, fall, y + _STEP_HEIGHT)
    return picture(name, y + _STEP_HEIGHT + 26, _waterfall_words(fall, start, end), parts)


def _waterfall_words(fall: Waterfall, start: str, end: str) -> tuple[str, str]:
    told = "; ".join(f"{s.label} {s.value} {signed(s.amount)}, reaching {s.reached}" for s in fall.steps)
    first, last = (title.lower() for title in fall.ends)
    where = f"From {start} ({first}) to {end} ({last}), on the scale {fall.scale.name}"
    return "How the estimate was reached", f"{where}: {told}."


def _bar(y: float, axis: Axis, step: Step, heading: str) -> list[Markup]:
    start, end = axis(step.start), axis(step.end)
    if abs(end - start) < _LEAST_BAR:
        end = start + math.copysign(_LEAST_BAR, step.amount)
    side = "up" if step.amount > 0 else "down"
    heading = "" if heading.lower() in step.label.lower() else heading
    words = _fitting(step.label, _LABEL_LETTERS - len(heading) - len(step.value))
    label = Markup('<tspan class="label">{}</tspan> <tspan class="value">{}</tspan>').format(
        words, step.value
    )
    if heading:
        label = Markup('<tspan class="block">{}</tspan> ').format(heading.upper()) + label
    return [
        line("link", axis(step.start), y - 11, axis(step.start), y + 18),
        text("", EDGE, y + 12, label, "start"),
        text("amount", WIDTH - 62, y + 12, signed(step.amount), "end"),
        text("reached", WIDTH - EDGE, y + 12, f"→ {step.reached}", "end"),
        arrow(side, start, y + 18, end, _BAR_HEIGHT),
    ]


def _fitting(label: str, letters: int) -> str:
    """The label without its remark in parentheses, cut where the drawing ends; the table has it whole."""
    label = label.partition(" (")[0]
    return label if len(label) <= letters else label[: max(letters - 1, 8)].rstrip() + "…"


def _mark(kind: str, y: float, x: float, label: str, reached: str) -> Markup:
    name, value = (
        text("label strong", EDGE, y + 12, label, "start"),
        text("reached strong", WIDTH - EDGE, y + 12, reached, "end"),
    )
    return name + value + circle(kind, x, y + 24.5, 6.5)


def _scale_ticks(axis: Axis, fall: Waterfall, y: float) -> list[Markup]:
    parts = [line("tick", EDGE, y, WIDTH - EDGE, y)]
    last, said = -math.inf, ""
    for value in _tick_values(fall.scale, axis):
        x, words = axis(fall.scale.margin(value)), fall.measure.figure(value)
        if x - last > _TICK_ROOM and words != said:
            parts += [line("tick", x, y, x, y + 4), text("axis", x, y + 17, words, anchor(x))]
            last, said = x, words
    return parts


def _tick_values(scale: Scale, axis: Axis) -> list[float]:
    """Round outcomes along the axis; a probability of 0 or 1 lies infinitely far out."""
    low, high = scale.outcome(axis.low), scale.outcome(axis.high)
    highest = 1.0 if scale.is_odds else math.inf
    return [value for value in nice_values(low, high, 7) if 0 < value < highest]

"""The page's two pictures as inline SVG: the band and the waterfall. Text is escaped by Markup."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from serving.review.steps import Scale, Step
from serving.review.views import Band, Waterfall
from serving.review.words import number, signed, unit

_WIDTH = 400.0
_EDGE = 6.0
_STEP_HEIGHT = 42.0
_BAR_HEIGHT = 13.0
_LABEL_LETTERS = 44
_NICE = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class _Axis:
    """A linear axis across the picture."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(_EDGE + (_WIDTH - 2 * _EDGE) * min(max(share, 0.0), 1.0), 2)


def draw_band(band: Band) -> Markup:
    """The estimate and its interval over the spread of the training patients' outcomes."""
    told = sorted(band.quantiles)
    low, high = band.quantiles[told[0]], band.quantiles[told[-1]]
    top = max(high, band.upper or 0.0, band.value) * 1.06
    axis = _Axis(0.0, top)
    left = axis(band.lower) if band.lower is not None else 0.0
    right = axis(band.upper) if band.upper is not None else _WIDTH
    parts = [
        _rect("pop-wide", axis(low), 46, axis(high), 12),
        _rect("interval", left, 18, right, 12, 6),
        Markup('<circle class="dot" cx="{}" cy="24" r="8"/>').format(axis(band.value)),
    ]
    if {0.25, 0.75} <= set(told):
        parts.insert(1, _rect("pop-half", axis(band.quantiles[0.25]), 46, axis(band.quantiles[0.75]), 12))
    if 0.5 in told:
        parts.append(_line("pop-median", axis(band.quantiles[0.5]), 43, axis(band.quantiles[0.5]), 61))
    for value in _nice_values(0.0, top, 6):
        parts.append(_line("tick", axis(value), 64, axis(value), 68))
        parts.append(_text("axis", axis(value), 81, number(value), _anchor(axis(value))))
    return _picture("band", 86, _band_words(band, low, high), parts)


def _band_words(band: Band, low: float, high: float) -> tuple[str, str]:
    median = f", half of them above {number(band.quantiles[0.5])}" if 0.5 in band.quantiles else ""
    return (
        "The estimate beside the patients trained on",
        f"The estimate is {number(band.value)} {band.unit}. Of {band.n} patients trained on, most needed "
        f"{number(low)} to {number(high)} {band.unit}{median}.",
    )


def draw_waterfall(fall: Waterfall) -> Markup:
    """The contributions as bars from the typical patient to this one, the outcome reached beside each."""
    positions = [fall.base, fall.margin, *(step.end for step in fall.steps)]
    spread = max(positions) - min(positions) or 1.0
    axis = _Axis(min(positions) - 0.04 * spread, max(positions) + 0.04 * spread)
    words = unit(fall.scale.unit)
    parts = [
        _mark(
            "start",
            0.0,
            axis(fall.base),
            "Typical patient",
            f"{number(fall.scale.outcome(fall.base))} {words}",
        )
    ]
    block = ""
    for i, step in enumerate(fall.steps, start=1):
        parts += _bar(i * _STEP_HEIGHT, axis, step, step.block if step.block != block else "")
        block = step.block
    y = (len(fall.steps) + 1) * _STEP_HEIGHT
    parts.append(_line("link", axis(fall.margin), y - 11, axis(fall.margin), y + 18))
    parts.append(
        _mark(
            "finish",
            y,
            axis(fall.margin),
            "This patient",
            f"{number(fall.scale.outcome(fall.margin))} {words}",
        )
    )
    parts += _scale_ticks(axis, fall.scale, y + _STEP_HEIGHT)
    return _picture("waterfall", y + _STEP_HEIGHT + 26, _waterfall_words(fall, words), parts)


def _waterfall_words(fall: Waterfall, words: str) -> tuple[str, str]:
    told = "; ".join(f"{s.label} {s.value} {signed(s.amount)}, reaching {s.reached}" for s in fall.steps)
    start, end = (number(fall.scale.outcome(m)) for m in (fall.base, fall.margin))
    return (
        "How the estimate was reached",
        f"From {start} {words} for a typical patient to {end} for this one, "
        f"on the scale {fall.scale.name}: {told}.",
    )


def _bar(y: float, axis: _Axis, step: Step, heading: str) -> list[Markup]:
    left, right = sorted((axis(step.start), axis(step.end)))
    side = "up" if step.amount > 0 else "down"
    heading = "" if heading.lower() in step.label.lower() else heading
    words = _fitting(step.label, _LABEL_LETTERS - len(heading) - len(step.value))
    label = Markup('<tspan class="label">{}</tspan> <tspan class="value">{}</tspan>').format(
        words, step.value
    )
    if heading:
        label = Markup('<tspan class="block">{}</tspan> ').format(heading.upper()) + label
    return [
        _line("link", axis(step.start), y - 11, axis(step.start), y + 18),
        _text("", _EDGE, y + 12, label, "start"),
        _text("amount", _WIDTH - 62, y + 12, signed(step.amount), "end"),
        _text("reached", _WIDTH - _EDGE, y + 12, f"→ {step.reached}", "end"),
        _rect(side, left, y + 18, max(right, left + 1.5), _BAR_HEIGHT, 2),
    ]


def _fitting(label: str, letters: int) -> str:
    """The label without its remark in parentheses, cut where the drawing ends; the table has it whole."""
    label = label.partition(" (")[0]
    return label if len(label) <= letters else label[: max(letters - 1, 8)].rstrip() + "…"


def _mark(kind: str, y: float, x: float, label: str, reached: str) -> Markup:
    name, value = (
        _text("label strong", _EDGE, y + 12, label, "start"),
        _text("reached strong", _WIDTH - _EDGE, y + 12, reached, "end"),
    )
    return name + value + Markup('<circle class="{}" cx="{}" cy="{}" r="6.5"/>').format(kind, x, y + 24.5)


def _scale_ticks(axis: _Axis, scale: Scale, y: float) -> list[Markup]:
    parts = [_line("tick", _EDGE, y, _WIDTH - _EDGE, y)]
    last = -math.inf
    for value in _nice_values(scale.outcome(axis.low), scale.outcome(axis.high), 7):
        x = axis(scale.margin(value))
        if value > 0 and x - last > 26:
            parts += [_line("tick", x, y, x, y + 4), _text("axis", x, y + 17, number(value), _anchor(x))]
            last = x
    return parts


def _nice_values(low: float, high: float, most: int) -> list[float]:
    """Round values between two ends, at most `most` of them."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(nice * power for nice in _NICE if nice * power >= raw)
    first = math.ceil(low / step)
    return [round(i * step, 10) for i in range(first, math.floor(high / step) + 1)]


def _anchor(x: float) -> str:
    return "start" if x < 12 else "end" if x > _WIDTH - 12 else "middle"


def _rect(kind: str, left: float, y: float, right: float, height: float, radius: float = 3) -> Markup:
    shape = '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="{}"/>'
    return Markup(shape).format(kind, round(left, 2), y, round(max(right - left, 0.0), 2), height, radius)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(kind, x1, y1, x2, y2)


def _text(kind: str, x: float, y: float, words: str, anchor: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, words
    )


def _picture(name: str, height: float, words: tuple[str, str], parts: list[Markup]) -> Markup:
    opening = Markup(
        '<svg class="{0}" viewBox="0 0 {1:g} {2:g}" role="img" aria-labelledby="{0}-title {0}-desc">'
        '<title id="{0}-title">{3}</title><desc id="{0}-desc">{4}</desc>'
    )
    return opening.format(name, _WIDTH, height, *words) + Markup("").join(parts) + Markup("</svg>")

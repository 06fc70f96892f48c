"""The few shapes that the page's pictures are made of, as inline SVG; text is escaped by Markup."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

WIDTH = 400.0
EDGE = 6.0
_NICE = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis across a picture."""

    low: float
    high: float
    width: float = WIDTH
    edge: float = EDGE

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.edge + (self.width - 2 * self.edge) * min(max(share, 0.0), 1.0), 2)


def nice_values(low: float, high: float, most: int) -> list[float]:
    """Round values between two ends, at most `most` of them."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(nice * power for nice in _NICE if nice * power >= raw)
    first = math.ceil(low / step)
    return [round(i * step, 10) for i in range(first, math.floor(high / step) + 1)]


def anchor(x: float, width: float = WIDTH) -> str:
    """How a text stands at its place, so that it does not leave the picture."""
    return "start" if x < 12 else "end" if x > width - 12 else "middle"


def rect(kind: str, left: float, y: float, right: float, height: float, radius: float = 3) -> Markup:
    """A rectangle of a style's class."""
    shape = '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="{}"/>'
    return Markup(shape).format(kind, round(left, 2), y, round(max(right - left, 0.0), 2), height, radius)


def arrow(kind: str, start: float, y: float, end: float, height: float) -> Markup:
    """A bar that points where it leads, so that the way shows without its colour."""
    tip = min(abs(end - start), height / 2) * (1 if end >= start else -1)
    points = ((start, 0.0), (end - tip, 0.0), (end, height / 2), (end - tip, height), (start, height))
    d = "M" + "L".join(f"{round(x, 2):g} {round(y + dy, 2):g}" for x, dy in points) + "Z"
    return Markup('<path class="{}" d="{}"/>').format(kind, d)


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    """A line of a style's class."""
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(kind, x1, y1, x2, y2)


def circle(kind: str, x: float, y: float, radius: float) -> Markup:
    """A dot of a style's class."""
    return Markup('<circle class="{}" cx="{}" cy="{}" r="{}"/>').format(kind, x, y, radius)


def text(kind: str, x: float, y: float, words: str, where: str) -> Markup:
    """Words that begin, end or are centred at a place."""
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, x, y, where, words
    )


def picture(name: str, height: float, words: tuple[str, str], parts: list[Markup]) -> Markup:
    """A whole picture with its title and what it shows in words."""
    opening = Markup(
        '<svg class="{0}" viewBox="0 0 {1:g} {2:g}" role="img" aria-labelledby="{0}-title {0}-desc">'
        '<title id="{0}-title">{3}</title><desc id="{0}-desc">{4}</desc>'
    )
    return opening.format(name, WIDTH, height, *words) + Markup("").join(parts) + Markup("</svg>")

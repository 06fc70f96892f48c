"""The few shapes that the report's figures are made of, as inline SVG; text is escaped by Markup."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH = 400.0
LETTER = 6.4  # the mean width of a letter of the figures' text
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis from `low` at `start` to `high` at `end`, in the picture's units; kept within both."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + (self.end - self.start) * min(max(share, 0.0), 1.0), 2)


def nice_values(low: float, high: float, most: int) -> list[float]:
    """Round values between two ends, at most about `most` of them."""
    if not high > low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(nice * power for nice in _NICE if nice * power >= raw * (1.0 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) + 0.0 for i in range(first, math.floor(high / step + 1e-9) + 1)]


def brief(value: float) -> str:
    """A round number as an axis tells it."""
    return f"{value:,.10g}".replace("-", "\N{MINUS SIGN}")


def rect(kind: str, left: float, y: float, right: float, height: float, radius: float = 0) -> Markup:
    """A rectangle of a style's class."""
    shape = '<rect class="{}" x="{:g}" y="{:g}" width="{:g}" height="{:g}" rx="{:g}"/>'
    width = round(max(right - left, 0.0), 2)
    return Markup(shape).format(kind, round(left, 2), round(y, 2), width, round(height, 2), radius)


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    """A line of a style's class."""
    return Markup('<line class="{}" x1="{:g}" y1="{:g}" x2="{:g}" y2="{:g}"/>').format(kind, x1, y1, x2, y2)


def circle(kind: str, x: float, y: float, radius: float) -> Markup:
    """A dot of a style's class."""
    return Markup('<circle class="{}" cx="{:g}" cy="{:g}" r="{:g}"/>').format(kind, x, y, radius)


def diamond(kind: str, x: float, y: float, radius: float) -> Markup:
    """A square that stands on a corner."""
    return shape(kind, [(x - radius, y), (x, y - radius), (x + radius, y), (x, y + radius)])


def shape(kind: str, points: Sequence[Point]) -> Markup:
    """A closed shape through these points."""
    return Markup('<polygon class="{}" points="{}"/>').format(kind, _joined(points))


def path(kind: str, points: Sequence[Point]) -> Markup:
    """An open line through these points."""
    return Markup('<polyline class="{}" points="{}"/>').format(kind, _joined(points))


def _joined(points: Sequence[Point]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def text(kind: str, x: float, y: float, words: str, where: str = "start") -> Markup:
    """Words that start, end or have their middle at a place."""
    shown = Markup('<text class="{}" x="{:g}" y="{:g}" text-anchor="{}">{}</text>')
    return shown.format(kind, round(x, 2), round(y, 2), where, words)


def fitting(words: str, room: float) -> str:
    """The words, cut where the room ends."""
    letters = max(int(room / LETTER), 4)
    return words if len(words) <= letters else words[: letters - 1].rstrip(" ,(+") + "…"


def cut_within(words: str, room: float) -> str:
    """The words, cut in their middle where there is no room for all: their ends often tell them apart."""
    letters = max(int(room / LETTER), 8)
    if len(words) <= letters:
        return words
    last = (letters - 1) * 2 // 5
    return words[: letters - 1 - last].rstrip() + "…" + words[-last:].lstrip()


def picture(name: str, height: float, words: tuple[str, str], parts: Sequence[Markup]) -> Markup:
    """A whole picture with its title and what it shows in words; `name` is its own on the page."""
    opening = Markup(
        '<svg viewBox="0 0 {1:g} {2:g}" role="img" aria-labelledby="{0}-title {0}-desc">'
        '<title id="{0}-title">{3}</title><desc id="{0}-desc">{4}</desc>'
    )
    return opening.format(name, WIDTH, round(height, 1), *words) + Markup("").join(parts) + Markup("</svg>")

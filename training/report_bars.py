"""A figure of parts of a hundred: a bar a row, its parts named where they begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from training.report_shapes import LETTER, WIDTH, cut_within, picture, rect, text

_ROW, _HEAD, _TALL, _LEAST = 26.0, 22.0, 17.0, 30.0


@dataclass(frozen=True)
class Bar:
    """A row: what it is called, and its parts in percent."""

    label: str
    parts: Sequence[float]
    strong: bool = False


def draw_bars(name: str, words: tuple[str, str], names: Sequence[str], bars: Sequence[Bar]) -> Markup:
    """The bars one below another; `names` are of their parts, and stand over the first."""
    room = min(max(len(bar.label) for bar in bars) * LETTER + 8.0, 150.0)
    wide = (WIDTH - room) / 100.0
    parts = []
    for i, bar in enumerate(bars):
        y = _HEAD + _ROW * i
        strong = " strong" if bar.strong else ""
        parts.append(text(f"label{strong}", 0.0, y + 13.0, cut_within(bar.label, room)))
        left = room
        for j, share in enumerate(bar.parts):
            right = left + wide * share
            parts.append(rect(f"part{j}", left, y, right - 1.0, _TALL))
            if right - left > _LEAST:
                parts.append(
                    text(f"inside inside{j}", (left + right) / 2.0, y + 12.5, f"{share:.0f}%", "middle")
                )
            left = right
    places = (room, room + wide * 50.0, WIDTH)
    for said, x, where in zip(names, places, ("start", "middle", "end"), strict=False):
        parts.append(text("axis", x, 12.0, said, where))
    return picture(name, _HEAD + _ROW * len(bars), words, parts)

"""Who patients alike are: their shares of each attribute, as far as these may be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from models.summaries import OTHER
from serving.review.facts import text_of
from serving.review.words import percent, sentence, spoken

_WIDTH, _HEIGHT = 120, 8
_NO_LEVEL = frozenset({OTHER, "not_recorded", "not_stated"})
Json = Mapping[str, Any]  # Any: a patient's document, whose version of the schema may be older


@dataclass(frozen=True, slots=True)
class Share:
    """The patients of one level; None where they may not be told. `is_own` is the patient's level too."""

    level: str
    share: float | None
    said: str
    is_own: bool

    @property
    def picture(self) -> Markup:
        """The share as a bar; the words say the same."""
        bar = Markup('<rect class="pop-wide" width="{}" height="{}" rx="2"/>').format(_WIDTH, _HEIGHT)
        if self.share is None:
            return Markup("")
        shape = '<rect class="here" width="{}" height="{}" rx="2"/>'
        bar += Markup(shape).format(max(round(_WIDTH * self.share, 1), 1.0), _HEIGHT)
        return Markup('<svg class="share" viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(
            _WIDTH, _HEIGHT, bar
        )


@dataclass(frozen=True, slots=True)
class Composition:
    """The levels of one attribute."""

    title: str
    shares: tuple[Share, ...]


def compositions(shares: Mapping[str, Mapping[str, float | None]], patient: Json) -> tuple[Composition, ...]:
    """The attributes of a group; the patient's own level is marked where the document says it."""
    return tuple(
        Composition(
            sentence(spoken(name)),
            tuple(_share(name, *one, patient) for one in sorted(levels.items(), key=_place)),
        )
        for name, levels in shares.items()
    )


def _place(level: tuple[str, float | None]) -> tuple[bool, bool]:
    """What lies below all others comes first, and what is no level of its own last."""
    return level[0] in _NO_LEVEL, not level[0].startswith("below ")


def _share(name: str, level: str, share: float | None, patient: Json) -> Share:
    is_own = name in patient.get("clinical", {}) and text_of(patient, name) == level
    return Share(spoken(level), share, "not shown" if share is None else percent(share), is_own)

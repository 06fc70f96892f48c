"""How a new study writes down a column: what was found of it, and how it is read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from features.knowledge.tables import clinical_variables
from training.column_kinds import CATEGORY, FLAG, QUANTITY, SMALLEST_CELL, Guess, canonical_unit
from training.found_columns import CLINICAL
from training.study_faults import UNSETTLED
from training.study_table import FLAG_WORDS

_SETTLE = "  # SETTLE"


def quoted(text: str) -> str:
    """A text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def column_text(own: Guess, reason: str, n: int) -> str:
    """A column's paragraph; with a `reason` it is commented out."""
    told = f"# {quoted(own.column.name)}: {_found(own, n)}"
    body = [*_fact_lines(own), *_variable_lines(own)]
    if not reason:
        return "\n".join([told, *body, ""]) if body else ""
    lines = [f"# SUSPICIOUS {quoted(own.column.name)}: {reason}"]
    if own.kind in (QUANTITY, FLAG, CATEGORY) and not own.is_known_here:
        lines += [f"#{line}" for line in body]
    elif own.kind in (QUANTITY, FLAG, CATEGORY):
        lines += [f"#{line}" for line in body] + [
            f"# and in spec.names: {quoted(f'clinical.{own.subject}.*')}"
        ]
    return "\n".join([*lines, ""])


def outcome_column_text(own: Guess) -> str:
    """How the outcome's column is read."""
    lines = [f"[table.facts.{quoted(own.column.name)}]", f'fact = "outcomes/{own.subject}"']
    if own.kind == FLAG and own.words:
        lines.append(f"values = {_words(_found_words(own))}")
    elif own.kind == CATEGORY:
        words = dict.fromkeys(own.words, UNSETTLED)
        told = "write 1 where the event happened, 0 where not, - for not known; * is any other text"
        lines.append(f"values = {_words(words)}{_SETTLE}: {told}")
    elif own.kind == QUANTITY:
        lines.append(
            "# unit = ...  # where the column's unit is not that of [outcome], from which it is turned"
        )
    return "\n".join([*lines, ""])


def feature_names(offered: Sequence[Guess]) -> tuple[str, ...]:
    """What the model reads of the columns offered: known variables by name, all others by one pattern."""
    known = [own for own in offered if own.is_known_here]
    names = [name for own in known for name in _known_features(own)]
    return (*names, *(("clinical.*",) if len(known) < len(offered) else ()))


def nice_bounds(own: Guess) -> tuple[float, float]:
    """Bounds well beyond what was found, rounded so that they are nobody's value."""
    low, high = float(np.nanmin(own.values)), float(np.nanmax(own.values))
    span = max(high - low, abs(high), 1e-6)
    lowest = 0.0 if low >= 0 else _rounded(low - span, math.floor)
    return lowest, _rounded(high + span, math.ceil)


def _known_features(own: Guess) -> tuple[str, ...]:
    if own.subject == "sex":
        return ("clinical.sex.is_male",)
    if own.kind == CATEGORY:
        return tuple(
            f"clinical.{own.subject}.is_{level}" for level in clinical_variables()[own.subject].categories
        )
    return (f"clinical.{own.subject}.{'value' if own.kind == QUANTITY else 'flag'}",)


def _fact_lines(own: Guess) -> list[str]:
    if own.column.section:
        return []
    lines = [f"[table.facts.{quoted(own.column.name)}]", f'fact = "clinical/{own.subject}"']
    if own.kind == QUANTITY and canonical_unit(own.subject):
        told = "" if own.unit != UNSETTLED else f"{_SETTLE}: the column's UCUM code"
        lines.append(f"unit = {quoted(own.unit)}{told}")
    if own.kind == CATEGORY or (own.kind == FLAG and own.words):
        lines.append(f"values = {_words(own.words if own.kind == CATEGORY else _found_words(own))}")
    return lines


def _variable_lines(own: Guess) -> list[str]:
    if own.is_known_here:
        return []
    label = own.column.name if own.column.section != CLINICAL else own.column.name.replace("_", " ")
    lines = [
        "[[variables]]",
        f"name = {quoted(own.subject)}",
        f'kind = "{own.kind}"',
        f"label = {quoted(label)}",
    ]
    if own.kind == QUANTITY:
        unit = canonical_unit(own.subject) or own.unit
        told = f"{_SETTLE}: its UCUM code, 1 where it has none" if unit == UNSETTLED else ""
        lowest, highest = nice_bounds(own)
        lines += [f"unit = {quoted(unit)}{told}", f"lowest = {lowest!r}", f"highest = {highest!r}"]
    if own.kind == CATEGORY:
        lines.append(f"categories = [{', '.join(map(quoted, own.levels))}]")
    return lines


def _found_words(own: Guess) -> dict[str, str]:
    """The words of the family that is used here, whether or not each of them was found."""
    extra = {text: said for text, said in own.words.items() if text not in FLAG_WORDS}
    return {**extra, **{text: said for text, said in FLAG_WORDS.items() if text in ("0", "1")}}


def _words(words: Mapping[str, str]) -> str:
    return f"{{ {', '.join(f'{quoted(text)} = {quoted(said)}' for text, said in words.items())} }}"


def _found(own: Guess, n: int) -> str:
    """Kind, missingness and spread in words, without a figure of fewer than ten patients."""
    n_missing = n - own.n_known
    told = (
        f"{n_missing / n:.0%} not recorded"
        if n_missing >= SMALLEST_CELL
        else "recorded for all or nearly all"
    )
    return "; ".join(filter(None, (own.kind, told, _spread(own))))


def _spread(own: Guess) -> str:
    if own.kind == QUANTITY and own.n_known >= 4 * SMALLEST_CELL:
        share = max(0.05, SMALLEST_CELL / own.n_known)
        low, high = np.nanquantile(own.values, [share, 1.0 - share]).tolist()
        return f"mostly {_two_digits(low)} to {_two_digits(high)}"
    if own.kind == FLAG and min(np.nansum(own.values), np.nansum(1 - own.values)) >= SMALLEST_CELL:
        return f"yes in {np.nanmean(own.values):.0%}"
    return ""


def _two_digits(number: float) -> str:
    return f"{float(f'{number:.2g}'):g}"


def _rounded(number: float, towards: Callable[[float], int]) -> float:
    """A number with one leading digit, rounded by floor or ceil."""
    if number == 0:
        return 0.0
    scale = 10.0 ** math.floor(math.log10(abs(number)))
    return float(towards(number / scale) * scale)

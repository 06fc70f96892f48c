"""An answer for callers without genomic access: explained by block and rounded, no gene and no value told.

Contributions to the last digit are genetic data: nine in ten genotypes could be read back from them. What
stays are the number, its interval and the sums of blocks, rounded to about two digits of the largest.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from models.partition import PLAIN
from serving import json_text

Json = dict[str, Any]  # Any: an answer as it was written, whose version of the schema may be older

_ROWS, _BLOCKS = '"features":[', '"blocks":'
_UNUSUAL = ('"simulated":[', '"levels":[', '"similar":', '"code":"unknown_allele"', '"code":"out_of_range"')
_DECODER = json.JSONDecoder()
_GENOMIC = frozenset({"similar"})
_IN_GENERAL = {
    "unknown_allele": "A genotype has an allele that no patient trained on carried.",
    "out_of_range": "A molecular feature lies beyond every patient trained on.",
}


def restricted_text(answer: str) -> str:
    """An answer's JSON as it goes out to a caller without genomic access: what `restricted` makes of it.

    Mostly only the rows are cut out and the sums rounded, without parsing the rest: `"name":` with bare
    quotes stands in no JSON string, where quotes are escaped.
    """
    if any(sign in answer for sign in _UNUSUAL):
        return json_text.plain(restricted(json.loads(answer)))
    first, *others = answer.split(_ROWS)
    return first + "".join(map(_without_rows, others))


def _without_rows(text: str) -> str:
    """What follows the opening of an explanation's rows, with its sums by block in their place."""
    _, _, told = text.partition(_BLOCKS)
    sums, end = _DECODER.raw_decode(told)
    rest = told[end:]
    digits = _digits(list(sums.values()))
    rounded = json_text.plain({name: _rounded(amount, digits) for name, amount in sums.items()})
    return f'{_BLOCKS}{rounded},"rounded_to":{10.0**-digits!r}{rest[rest.index("}") :]}'


def restricted(answer: Json) -> Json:
    """The document of a prediction, ranking or simulation without what tells of single genes.

    >>> told = {"scale": "root", "base": 6.0, "margin": 6.3, "blocks": {"genotype": 0.3172}, "features": []}
    >>> restricted({"explanation": told})["explanation"]["blocks"]
    {'genotype': 0.32}
    """
    return {
        name: _RULES[name](value) if name in _RULES else value
        for name, value in answer.items()
        if name not in _GENOMIC
    }


def _explanation(told: Json | None) -> Json | None:
    """Sums of blocks; of a difference, whose blocks are not told, those of the features that are."""
    if told is None:
        return None
    has_blocks = "blocks" in told
    sums: Mapping[str, float] = _sums(told["blocks"]) if has_blocks else _by_block(told["features"])
    others = {name: told[name] for name in ("other_features",) if name in told and not has_blocks}
    digits = _digits([*sums.values(), *others.values()])
    rounded = {name: _rounded(amount, digits) for name, amount in sums.items()}
    rest = {name: _rounded(amount, digits) for name, amount in others.items()}
    kept = {name: told[name] for name in ("scale", "base", "margin")}
    return {**kept, "blocks": rounded, **rest, "rounded_to": 10.0**-digits}


def _sums(blocks: Json | list[Json]) -> Mapping[str, float]:
    """Sums by block, which an answer holds as they are and an explanation by levels as rows."""
    return {row["name"]: row["contribution"] for row in blocks} if isinstance(blocks, list) else blocks


def _by_block(features: list[Json]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for feature in features:
        found.setdefault(feature["block"], []).append(feature["contribution"])
    return {block: math.fsum(amounts) for block, amounts in found.items()}


def _digits(amounts: list[float]) -> int:
    """Decimals that leave two digits of the largest amount."""
    largest = max((abs(amount) for amount in amounts), default=0.0)
    return 1 - math.floor(math.log10(largest)) if largest > 0.0 else 1


def _rounded(amount: float, digits: int) -> float:
    return round(amount, digits) + 0.0


def _notices(told: list[Json]) -> list[Json]:
    """Notices with those of single genes in general words, each said once."""
    found: list[Json] = []
    for notice in told:
        general = _general(notice)
        if general is notice or general not in found:
            found.append(general)
    return found


def _general(notice: Json) -> Json:
    text, feature = _IN_GENERAL.get(notice["code"]), notice.get("feature")
    if text is None or (feature is not None and feature.startswith(PLAIN)):
        return notice
    return {**notice, "text": text, "feature": None}


def _all(told: list[Json]) -> list[Json]:
    return [restricted(one) for one in told]


_RULES: Mapping[str, Callable[[Any], Any]] = {
    "explanation": _explanation,
    "difference_explained": _explanation,
    "notices": _notices,
    "ranked": _all,
    "simulated": _all,
}

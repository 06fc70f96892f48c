"""What a variant does to a protein: the words of several formats, and HGVS protein changes."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from features.knowledge.tables import _rows
from features.panel import SMALL_VARIANTS, STRUCTURES

_LETTERS = {
    "Ala": "A",
    "Arg": "R",
    "Asn": "N",
    "Asp": "D",
    "Cys": "C",
    "Gln": "Q",
    "Glu": "E",
    "Gly": "G",
    "His": "H",
    "Ile": "I",
    "Leu": "L",
    "Lys": "K",
    "Met": "M",
    "Phe": "F",
    "Pro": "P",
    "Sec": "U",
    "Ser": "S",
    "Ter": "*",
    "Thr": "T",
    "Trp": "W",
    "Tyr": "Y",
    "Val": "V",
}
_THREE = re.compile("|".join(_LETTERS))
_PREFIXED = re.compile(r"[A-Za-z0-9_.]+:(p\..+)")
_EXCHANGE = re.compile(r"p\.([A-Z])\d+([A-Z])")
_GRAVITY = {kind: place for place, kind in enumerate((*STRUCTURES, *SMALL_VARIANTS))}


@cache
def _kinds() -> dict[str, str]:
    return {row["term"].lower(): row["kind"] for row in _rows("consequences")}


@lru_cache(maxsize=4096)
def kind_of(terms: str) -> str | None:
    """The kind of finding that a format's consequence names; of several (`a&b`, `a,b`) the gravest.

    None when a term is not known here.

    >>> kind_of("Missense_Mutation"), kind_of("splice_region_variant&stop_gained"), kind_of("odd")
    ('missense', 'nonsense', None)
    """
    found = [_kinds().get(term.strip().lower()) for term in re.split(r"[&,]", terms)]
    known = [kind for kind in found if kind is not None]
    return min(known, key=_GRAVITY.__getitem__) if known and len(known) == len(found) else None


@lru_cache(maxsize=65536)
def short_change(text: str) -> str:
    """A protein change in one-letter HGVS, without the name of its protein.

    >>> short_change("ENSP00000288602.6:p.Val600Glu"), short_change("V600E")
    ('p.V600E', 'p.V600E')
    """
    prefixed = _PREFIXED.fullmatch(text)
    change = prefixed.group(1) if prefixed else text
    change = _THREE.sub(lambda found: _LETTERS[found.group()], change)
    change = change.replace("p.(", "p.").removesuffix(")") if change.startswith("p.(") else change
    return change if change.startswith(("p.", "c.", "n.", "g.")) else f"p.{change}"


@lru_cache(maxsize=65536)
def kind_of_change(change: str) -> str:
    """The kind of finding that a short protein change spells; `coding` where it does not say.

    >>> [kind_of_change(c) for c in ("p.Q317*", "p.M1?", "p.K389delinsNFFM", "p.*576Rext*3", "p.R43fs*12")]
    ['nonsense', 'start_lost', 'inframe', 'stop_lost', 'frameshift']
    """
    body = change.removeprefix("p.")
    if "splice" in body:
        return "splice"
    if "fs" in body:
        return "frameshift"
    if "ext" in body or re.match(r"\*\d+[A-Z]", body):
        return "stop_lost"
    if re.match(r"M1(\D|$)", body):
        return "start_lost"
    if body.endswith("*"):
        return "nonsense"
    if re.search(r"del|ins|dup|>", body):
        return "inframe" if "?" not in body else "coding"
    exchange = _EXCHANGE.fullmatch(change)
    if exchange:
        return "synonymous" if exchange.group(1) == exchange.group(2) else "missense"
    return "synonymous" if body.endswith("=") else "coding"

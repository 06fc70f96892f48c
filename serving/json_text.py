"""Parts of an answer as JSON text; what every answer repeats is turned into text once and kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import isfinite

from models.results import Interval, Notice

_COMPACT = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))

text = json.encoder.encode_basestring
"""A string as JSON."""

quoted = lru_cache(maxsize=4096)(text)
"""A string that comes again and again as JSON."""


def plain(document: object) -> str:
    """Any plain data as JSON, without spaces."""
    return _COMPACT.encode(document)


def number(value: float) -> str:
    """`repr` of a finite float is its JSON; what was not recorded (NaN) is null."""
    return repr(value) if value == value else "null"


def bounded(end: float) -> str:
    """One end of an interval; an unbounded one is null."""
    return repr(end) if isfinite(end) else "null"


def interval(given: Interval | None) -> str:
    """An interval with its level, or null."""
    if given is None:
        return "null"
    return f'{{"level":{given.level!r},"lower":{bounded(given.lower)},"upper":{bounded(given.upper)}}}'


@lru_cache(maxsize=4096)
def notice(given: Notice) -> str:
    """One notice."""
    known = {"code": given.code, "text": given.text, "severity": given.severity, "feature": given.feature}
    return plain(known)


def notices(given: Iterable[Notice]) -> str:
    """A list of notices."""
    return f"[{','.join([notice(one) for one in given])}]"


def names(given: Iterable[str]) -> str:
    """A list of strings that come again and again."""
    return f"[{','.join(map(quoted, given))}]"


def truth(given: bool) -> str:
    """true or false."""
    return "true" if given else "false"


def possible(given: Sequence[str] | None) -> str:
    """The outcomes that cannot be ruled out, or null where there are no such sets."""
    return "null" if given is None else names(given)

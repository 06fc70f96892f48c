"""Scopes of a token, among them those of SMART App Launch such as `system/Observation.rs`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SMART = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]{0,63})\.(read|write|\*|c?r?u?d?s?)")
_FIRST_VERSION = {"read": "rs", "write": "cud", "*": "cruds"}


@dataclass(frozen=True, slots=True)
class SmartScope:
    """What a client may do with resources of a kind: letters of create, read, update, delete and search.

    SMART App Launch 2.2; `read`, `write` and `*` are those of its first version. A scope that a query narrows
    is none of these, for it does not give the whole.
    """

    level: str
    resource: str
    allowed: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> SmartScope | None:
        """The scope of this text, or None where it is of another sort."""
        found = _SMART.fullmatch(text)
        if found is None or not found[3]:
            return None
        return cls(found[1], found[2], frozenset(_FIRST_VERSION.get(found[3], found[3])))

    def covers(self, needed: SmartScope) -> bool:
        """Whether it gives at least what `needed` does, at the same level."""
        same = self.level == needed.level and self.resource in ("*", needed.resource)
        return same and self.allowed >= needed.allowed


def covers(granted: frozenset[str], needed: str) -> bool:
    """Whether one of the scopes granted is the one needed, or gives at least as much.

    >>> covers(frozenset({"system/*.cruds"}), "system/RiskAssessment.c")
    True
    >>> covers(frozenset({"system/RiskAssessment.rs"}), "system/RiskAssessment.c")
    False
    """
    if needed in granted:
        return True
    wanted = SmartScope.parse(needed)
    if wanted is None:
        return False
    known = (SmartScope.parse(text) for text in granted)
    return any(one is not None and one.covers(wanted) for one in known)

"""A change of a study's champion, as the registry keeps it and the shelf tells it to the service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from features.errors import RegistryError


@dataclass(frozen=True, slots=True)
class Event:
    """A change of champion: `what` is `promote` or `rollback`; `before` is None for the first.

    `judged` are the clauses it was held against, `broken` those it was promoted in spite of, and `explained`
    says why golden patients are answered otherwise.
    """

    what: str
    version: int
    before: int | None
    who: str
    reason: str
    when: str
    judged: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    explained: str = ""

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Event:
        """The event of a JSON object; raises RegistryError for one that is none."""
        lists = {name: tuple(told.get(name, ())) for name in ("judged", "broken")}
        try:
            return cls(**{**told, **lists})
        except TypeError as error:
            raise RegistryError("an event of the registry's history is not one of this version") from error

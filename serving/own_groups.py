"""How well a model did for patients of this patient's own groups: of their sex, say, and of their arm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from features.cohort import Cohort
from serving import json_text

_NOT_RECORDED = "not_recorded"


class GroupsWriter:
    """Writes the figures that a card keeps by subgroup; groups that only an outcome tells are never known."""

    def __init__(self, card: Mapping[str, object]) -> None:
        self._told: dict[str, dict[str, list[str]]] = {}
        for protocol, variable, group, figures in _figures(card.get("subgroups")):
            own = {"variable": variable, "group": group, "protocol": protocol, **figures}
            self._told.setdefault(variable, {}).setdefault(group, []).append(json_text.plain(own))

    def write(self, cohort: Cohort, patient: int = 0, varied: str | None = None) -> str:
        """One list: each of the patient's groups under each protocol; none for a group of fewer than 10.

        `varied` is a variable that the answer does not take from the patient: the treatment, in a ranking.
        """
        told: list[str] = []
        for variable, groups in self._told.items():
            if variable == varied:
                continue
            group = cohort.clinical.texts_of(variable).get(patient, _NOT_RECORDED)
            told += groups.get(group, ())
        return f"[{','.join(told)}]"


def _figures(subgroups: object) -> Iterator[tuple[str, str, str, dict[str, object]]]:
    """(protocol, variable, group, n and the model's own figures) of a card's subgroups."""
    for protocol, by_variable in _items(subgroups):
        for variable, by_group in _items(by_variable):
            for group, who in _items(by_group):
                if isinstance(who, Mapping) and isinstance(who.get("model"), Mapping):
                    yield protocol, variable, group, {"n": who.get("n"), "figures": who["model"]}


def _items(document: object) -> list[tuple[str, object]]:
    return list(document.items()) if isinstance(document, Mapping) else []

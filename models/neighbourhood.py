"""Training patients near a patient, in aggregate: groups that a few named questions part, and what is told.

No row is kept. A group has 20 patients or more; of an event ten with it and ten without. A quantile is told
where ten patients lie beyond it, and of finer cells only what gives away no count under ten (`small_cells`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from features.errors import BundleError
from models.partition import Partition, Split

KEY = "neighbourhood"
_FIELDS = frozenset({"split", "n", "outcome", "options", "shares", "held_out"})


@dataclass(frozen=True)
class Neighbourhood:
    """A partition, and by node the aggregates of its training patients; `absent` features read silence as no.

    `told` by node: `n`, `outcome`, `options` (outcomes by drug or treatment), `shares` (by attribute and
    level), `held_out` (error and coverage); what may not be told is None.
    """

    partition: Partition
    told: tuple[Mapping[str, Any], ...]
    absent: frozenset[str]

    def steps(self, row: Mapping[str, float]) -> tuple[tuple[int, int], ...]:
        """One patient's way through the partition, from the features' values by name."""

        def value_of(feature: str) -> float:
            value = row[feature]
            return 0.0 if value != value and feature in self.absent else value

        return self.partition.path(value_of)

    def split(self, node: int) -> Split:
        """The question asked at a node that is parted."""
        found = self.partition.splits[node]
        if found is None:
            raise BundleError("a leaf of a neighbourhood asks nothing")
        return found

    def plain(self, steps: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        """The first of the steps, as far as they tell nothing molecular."""
        n_plain = next((i for i, (node, _) in enumerate(steps) if not self.split(node).is_plain), len(steps))
        return tuple(steps[:n_plain])

    @classmethod
    def from_json(
        cls, data: object, absent: Sequence[str], names: Sequence[str], options: Sequence[str]
    ) -> Self:
        """The neighbourhood in a bundle of models of these features and options; anything else is refused."""
        nodes = data.get("nodes") if isinstance(data, dict) else None
        if not isinstance(nodes, list) or not all(isinstance(n, dict) and set(n) == _FIELDS for n in nodes):
            raise BundleError("reference.json: the neighbourhood is not as it was written")
        partition = Partition.from_json([node["split"] for node in nodes])
        known = frozenset(names)
        if any(split is not None and split.feature not in known for split in partition.splits):
            raise BundleError("reference.json: the neighbourhood asks about features the model does not read")
        if any(node["options"] and set(node["options"]) != set(options) for node in nodes):
            raise BundleError("reference.json: the neighbourhood tells of other options than the models")
        return cls(partition, tuple(nodes), frozenset(absent))


def unjudged(neighbourhood: object) -> object:
    """The same aggregates without how the model did, for a model that was adapted since."""
    if not isinstance(neighbourhood, dict):
        return neighbourhood
    return {"nodes": [{**node, "held_out": None} for node in neighbourhood["nodes"]]}

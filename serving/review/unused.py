"""What of a patient did not count for an answer, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from features.knowledge.tables import interaction_classes
from models.bundle import LoadedBundle
from serving.review.explained import by_feature
from serving.review.words import enumerated, spoken

_MOST_NAMED = 12
Json = Mapping[str, Any]  # Any: a record as it was written, whose version of the schema may be older
Unused = tuple[tuple[str, str], ...]


def unused_of(answer: Json, patient: Json, bundle: LoadedBundle | None) -> Unused:
    """Pairs of why and what, for a reader."""
    found = []
    if bundle is not None:
        sources = {source for inputs in bundle.models.spec.inputs.values() for source in inputs}
        unread = [name for name, source in _sent(patient) if source not in sources]
        if unread:
            found.append(("Sent, but this model does not read it", enumerated(unread, _MOST_NAMED)))
        genes = patient.get("expression", {}).get("values", {})
        n = sum(f"expression/{gene}" not in sources for gene in genes)
        if n:
            found.append(("Measured, but this model does not read it", f"expression of {n:,} genes"))
    explanation = by_feature(answer)
    if explanation:
        still = _without_effect(explanation["features"])
        if still:
            found.append(("Read, but without any effect on this answer", enumerated(still, _MOST_NAMED)))
    return tuple(found)


def _sent(patient: Json) -> Iterator[tuple[str, str]]:
    """What was sent, by its name in words, and what a model would read it as."""
    for entry in patient.get("genotypes", []):
        read = entry.get("rsid") or entry["gene"]
        yield f"{entry['gene']} {entry['rsid']}" if "rsid" in entry else entry["gene"], f"genotypes/{read}"
    for name in patient.get("clinical", {}):
        yield spoken(name), f"clinical/{name}"
    groups = {drug: group.name for group in interaction_classes().values() for drug in group.drugs}
    for entry in patient.get("medications", []):
        yield spoken(entry["drug"]), f"medications/{groups.get(entry['drug'], entry['drug'])}"


def _without_effect(features: Sequence[Json]) -> list[str]:
    return [f["label"] for f in features if f["contribution"] == 0.0 and f["value"] is not None]

"""The card of a version that is registered, from its bundle and the evaluation its run kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from features.errors import RegistryError
from models.registry import Registry
from models.shelf import CHAMPION
from training.model_card.write import write_card
from training.tracking import kept_document


def write_registered_card(
    home: Path, study: str, version: int | None, out: Path | None
) -> tuple[int, tuple[Path, ...]]:
    """Which version it is (the champion, else the newest, if none is named), and the files written."""
    registry = Registry(home)
    record = registry.show(study)
    known = {found.version: found for found in record.versions}
    chosen = record.aliases.get(CHAMPION, max(known, default=0)) if version is None else version
    if chosen not in known:
        raise RegistryError(f"'{study}' has no version {chosen}; rxplain show lists them")
    found = known[chosen]
    bundle = registry.fetch(study, found.digest)
    kept = kept_document(home, found.run_id) if found.run_id else None
    folder = out or home / "cards" / study / str(chosen)
    return chosen, write_card(bundle, kept or _of_bundle(bundle.card), folder, chosen)


def _of_bundle(card: Mapping[str, object]) -> dict[str, object]:
    """What a bundle's own card tells of its evaluation, where no run kept the whole of it."""
    named = {"protocols": "performance", "subgroups": "subgroups", "remarks": "remarks"}
    told = {name: card.get(own, {}) for name, own in named.items()}
    metrics = {
        metric
        for whos in dict(told["protocols"]).values()  # type: ignore[call-overload]
        for metric in whos.get("model", {})
    }
    leading = next((name for name in ("auc", "spearman", "mae") if name in metrics), "mae")
    return {**told, "leading": leading}

"""The card's one document, and its three files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.bundle import LoadedBundle
from training.evaluation_store import write_whole
from training.model_card import sentences
from training.model_card.applied import NAMESPACE, applied_card
from training.model_card.facts import CardFacts, read_facts
from training.model_card.page import card_page
from training.model_card.plain import summary
from training.model_card.source_attributes import REGULATION, source_attributes
from training.model_card.tripod import CITATION, tripod_items
from training.model_card.xml_text import printable, to_xml

Json = dict[str, Any]  # Any: a card, keyed by names the study chose
NAMES = ("card.html", "card.json", "card.xml")


def card_document(bundle: LoadedBundle, evaluation: Mapping[str, object], version: int | None = None) -> Json:
    """All that a card tells, as plain data; the pages and the XML hold nothing else."""
    facts = read_facts(bundle, evaluation, version)
    document = printable(_document(facts))
    assert isinstance(document, dict)
    return document


def write_card(
    bundle: LoadedBundle, evaluation: Mapping[str, object], folder: Path, version: int | None = None
) -> tuple[Path, ...]:
    """The card of a bundle as `card.html`, `card.json` and `card.xml` in `folder`."""
    document = card_document(bundle, evaluation, version)
    texts = (
        card_page(document),
        json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        to_xml(document["applied_model_card"], NAMESPACE),
    )
    paths = tuple(folder / name for name in NAMES)
    for path, text in zip(paths, texts, strict=True):
        write_whole(path, text)
    return paths


def _document(facts: CardFacts) -> Json:
    made = facts.manifest.provenance
    return {
        "study": made.study,
        "title": facts.study.title,
        "advice": facts.bundle_card["advice"],
        "version": facts.version,
        "bundle_digest": facts.digest,
        "made": {"created": made.created, "git_commit": made.git_commit, "seed": made.seed},
        "summary": [{"label": label, "text": text} for label, text in summary(facts)],
        "unit": facts.unit,
        "performance": facts.protocols,
        "subgroups": facts.subgroups,
        "gates": facts.gates,
        "features": sentences.features_by_block(facts),
        "limits": sentences.limits(facts),
        "remarks": sentences.remarks(facts),
        "applied_model_card": applied_card(facts),
        "source_attributes": {
            "regulation": REGULATION,
            "items": [item.document() for item in source_attributes(facts)],
        },
        "tripod_ai": {"citation": CITATION, "items": [item.document() for item in tripod_items(facts)]},
    }

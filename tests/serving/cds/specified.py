"""What the specification of CDS Hooks (2.0, and the ballot of 3.0) says of responses, as checks by hand."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

Json = dict[str, Any]
_SERVICE = {"hook", "title", "description", "id", "prefetch", "usageRequirements", "extension"}
_CARD = {
    "uuid", "summary", "detail", "indicator", "source", "suggestions", "selectionBehavior", "overrideReasons",
    "links", "extension",
}  # fmt: skip
_TOKEN = re.compile(r"\{\{(.*?)\}\}")


def service_faults(service: Json) -> list[str]:
    """Where a service of discovery departs from the specification."""
    found = [f"unknown field {name}" for name in service.keys() - _SERVICE]
    found += [f"{name} is missing" for name in ("hook", "description", "id") if not service.get(name)]
    found += [
        f"{key}: {{{{{token}}}}} is no token of the context's first level"
        for key, template in service.get("prefetch", {}).items()
        for token in _TOKEN.findall(template)
        if not re.fullmatch(r"context\.(patientId|userId|encounterId)", token)
    ]
    return found


def response_faults(response: Json) -> list[str]:
    """Where a service's response departs from the specification."""
    found = [f"unknown field {name}" for name in response.keys() - {"cards", "systemActions", "extension"}]
    if not isinstance(response.get("cards"), list):
        return [*found, "cards is no list"]
    return found + [fault for card in response["cards"] for fault in _card_faults(card)]


def _card_faults(card: Json) -> list[str]:
    found = [f"unknown field {name}" for name in card.keys() - _CARD]
    found += [f"{name} is missing" for name in ("summary", "indicator", "source") if not card.get(name)]
    if len(card["summary"]) >= 140:
        found.append("the summary has 140 characters or more")
    if card["indicator"] not in ("info", "warning", "critical"):
        found.append("the indicator is none")
    if "label" not in card["source"]:
        found.append("the source has no label")
    if card.get("suggestions") and card.get("selectionBehavior") not in ("at-most-one", "any"):
        found.append("suggestions without a selectionBehavior")
    UUID(card["uuid"])
    for link in card.get("links", []):
        if not {"label", "url", "type"} <= link.keys() or link["type"] not in ("absolute", "smart"):
            found.append("a link without label, url and type")
        if not urlsplit(link["url"]).hostname:
            found.append("a link to nowhere")
    for reason in card.get("overrideReasons", []):
        if not {"code", "system", "display"} <= reason.keys():
            found.append("a reason without code, system and display")
    for suggestion in card.get("suggestions", []):
        found += _suggestion_faults(suggestion)
    return found


def _suggestion_faults(suggestion: Json) -> list[str]:
    found = [] if suggestion.get("label") else ["a suggestion without a label"]
    for action in suggestion.get("actions", []):
        if action.get("type") not in ("create", "update", "delete") or not action.get("description"):
            found.append("an action without type and description")
        if action.get("type") in ("create", "update") and "resourceType" not in action.get("resource", {}):
            found.append("an action without a resource")
    return found

"""The explanation that a page can draw: one that tells features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]  # Any: an answer as it was recorded


def by_feature(answer: Mapping[str, Any]) -> Json | None:
    """The explanation of an answer; None where it has none, or was asked for at other levels only."""
    found: Json | None = answer.get("explanation")
    return found if found is not None and "features" in found else None

"""Cards: they inform and do not order, say how well, and tell nothing of few patients."""

from __future__ import annotations

from models.card import ADVICE, build_card
from models.manifest import Manifest
from tests.models.conftest import EVALUATION, Trained, provenance


def test_card_says_purpose_population_performance_and_limits(trained: Trained) -> None:
    text, data = build_card(Manifest.of(trained.models, provenance()), EVALUATION)
    figures = ("5.50 (5.00 to 6.00)", "90.10")
    for part in (ADVICE, "600 synthetic patients.", *figures, "## Limits", "recognises the site"):
        assert part in text
    assert data["population"]["n"] == 600
    assert data["performance"] == EVALUATION["protocols"]


def test_card_leaves_out_subgroups_of_fewer_than_ten(trained: Trained) -> None:
    text, data = build_card(Manifest.of(trained.models, provenance()), EVALUATION)
    assert "| white | 5.25 |" in text
    assert set(data["subgroups"]["random_80_20"]["race"]) == {"white"}


def test_card_can_be_made_before_any_evaluation(trained: Trained) -> None:
    text, data = build_card(Manifest.of(trained.models, provenance()), {})
    assert "## Performance" in text
    assert data["remarks"] == []

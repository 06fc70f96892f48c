"""The page of a model: the card's figures as they are, drawn to scale, and nothing of single patients."""

from __future__ import annotations

import re

import pytest

from serving.review.model_drawing import draw_figures
from serving.review.model_view import Forest, Judged
from tests.serving.client import Client
from tests.serving.tiny import EVALUATION, STUDY
from tests.serving.tiny_sets import BINARY, PANEL, QUESTION, WIDE


def _row(name: str, value: float, half: float, is_ours: bool = False) -> Judged:
    return Judged(name, is_ours, value, value - half, value + half, f"{value}", "")


def test_the_figures_are_the_cards(client: Client) -> None:
    page = client.get(f"/review/models/{STUDY}").text
    for who in EVALUATION["protocols"].values():
        for figures in who.values():
            mae = figures["mae"]
            assert f"{mae['value']:.1f} <small>{mae['lower']:.1f} to {mae['upper']:.1f}</small>" in page
    assert "This model" in page
    assert "Race: asian" in page
    assert all(remark in page for remark in EVALUATION["remarks"])


@pytest.mark.parametrize("study", [BINARY, PANEL, QUESTION])
def test_every_kind_of_model_has_a_page(kinds: Client, study: str) -> None:
    response = kinds.get(f"/review/models/{study}")
    assert response.status_code == 200
    assert "AUC" in response.text or "Rank correlation" in response.text
    assert f'href="/review/models/{study}"' in kinds.get("/review/models").text


def test_thousands_of_inputs_are_counted_and_not_listed(kinds: Client) -> None:
    page = kinds.get(f"/review/models/{WIDE}").text
    assert "3,000 inputs" in page
    assert "And 2,940 more." in page
    assert len(page) < 200_000


def test_rows_are_drawn_to_scale() -> None:
    rows = (_row("ours", 4.0, 1.0, is_ours=True), _row("theirs", 8.0, 2.0), _row("worst", 10.0, 0.0))
    drawn = draw_figures(Forest("cv", "error", "", rows))
    at = [float(re.search(r'<circle[^>]*cx="([\d.]+)"', picture)[1]) for picture in drawn.rows]
    ends = [re.search(r'<rect[^>]*x="([\d.]+)"[^>]*width="([\d.]+)"', picture) for picture in drawn.rows]
    left, width = float(ends[1][1]), float(ends[1][2])
    unit = (at[1] - at[0]) / 4.0
    assert at[2] - at[1] == pytest.approx(2.0 * unit, abs=0.05)
    assert (at[1] - left, width) == pytest.approx((2.0 * unit, 4.0 * unit), abs=0.05)
    dashed = {re.search(r'class="first" x1="([\d.]+)"', picture)[1] for picture in drawn.rows}
    assert dashed == {f"{at[0]}"}


@pytest.mark.parametrize("study", ["nothing", "..%2f..%2fetc", "<script>"])
def test_a_model_that_is_not_in_service_has_no_page(client: Client, study: str) -> None:
    response = client.get(f"/review/models/{study}")
    assert response.status_code == 404
    assert "<script>" not in response.text

"""The demo's own checks; the whole of it is walked by the journeys."""

from __future__ import annotations

import pytest

from features.errors import IntegrityError
from training.demo import check_additive


def test_explanation_that_adds_up_is_accepted() -> None:
    check_additive(
        {"base": 6.0, "margin": 5.5, "features": [{"contribution": -0.75}, {"contribution": 0.25}]}
    )


@pytest.mark.parametrize("margin", [5.4, float("nan")])
def test_explanation_that_does_not_add_up_is_refused(margin: float) -> None:
    explanation = {"base": 6.0, "margin": margin, "features": [{"contribution": -0.5}]}
    with pytest.raises(IntegrityError):
        check_additive(explanation)

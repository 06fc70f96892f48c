"""Scopes: a wider one covers a narrower one, and nothing else does."""

from __future__ import annotations

import pytest

from serving.access.scopes import SmartScope, covers

NEEDED = "system/RiskAssessment.cu"


@pytest.mark.parametrize(
    "granted", [NEEDED, "system/RiskAssessment.cruds", "system/*.cu", "system/*.write", "system/*.*"]
)
def test_at_least_as_much_covers(granted: str) -> None:
    assert covers(frozenset({"openid", granted}), NEEDED)


@pytest.mark.parametrize(
    "granted",
    [
        "system/RiskAssessment.c", "system/RiskAssessment.read", "user/RiskAssessment.cruds", "patient/*.*",
        "system/Observation.cruds", "system/RiskAssessment.cruds?status=final", "system/RiskAssessment.uc",
        "system/RiskAssessment.", "system/.cu", "systems/*.cruds", "SYSTEM/*.cruds", "*/*.*",
        "system/*.cruds\n", "",
    ],
)  # fmt: skip
def test_less_or_other_does_not(granted: str) -> None:
    assert not covers(frozenset({granted}), NEEDED)


def test_a_plain_scope_covers_itself_alone() -> None:
    assert covers(frozenset({"genomics"}), "genomics")
    assert not covers(frozenset({"genomics.read", "system/*.*"}), "genomics")


def test_the_first_versions_words_are_letters_of_the_second() -> None:
    assert SmartScope.parse("system/Observation.read") == SmartScope.parse("system/Observation.rs")
    assert SmartScope.parse("launch/patient") is None

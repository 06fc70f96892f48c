"""What people see of an evaluation and its gates."""

from __future__ import annotations

import json

import pytest
from rich.console import Console, RenderableType

from training.cli_results import Evaluated, comparison, gates_table
from training.cli_views import tell
from training.gates import GateResult

MODEL = {
    "mae": {"value": 8.404, "lower": 8.31, "upper": 8.5},
    "r2": {"value": 0.4801, "lower": None, "upper": None},
}
FORMULA = {"mae": {"value": 8.535, "lower": 8.4, "upper": 8.7}}


def text_of(shown: RenderableType) -> str:
    """What a terminal of 160 columns would show."""
    console = Console(width=160, color_system=None)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


def test_comparison_shows_figures_with_intervals_and_leaves_the_rest_empty() -> None:
    lines = text_of(comparison("random_80_20", {"model": MODEL, "iwpc_clinical": FORMULA})).splitlines()
    assert "random_80_20" in lines[1]
    assert lines[3].split() == ["model", "8.40", "0.480"]
    assert lines[4].strip() == "8.31 to 8.50"
    assert lines[5].split() == ["iwpc_clinical", "8.54"]
    assert lines[6].strip() == "8.40 to 8.70"


def test_gates_say_what_was_asked_and_found() -> None:
    gates = [
        GateResult("error", "at most 8.47", 8.404, True),
        GateResult("coverage", "at least 88.5", 80.0, False),
    ]
    shown = text_of(gates_table(gates))
    assert "at most 8.47" in shown
    assert "8.404  passed" in shown
    assert "80  missed" in shown


def test_remarks_stand_below_the_tables() -> None:
    evaluation = {
        "protocols": {"p": {"model": MODEL}},
        "wins": {},
        "remarks": ["It recognises the site [12]."],
    }
    assert text_of(Evaluated(evaluation).table()).rstrip().endswith("- It recognises the site [12].")


def test_document_for_machines_is_the_evaluation_itself(capsys: pytest.CaptureFixture[str]) -> None:
    evaluation = {"protocols": {"p": {"model": MODEL}}, "remarks": []}
    tell(Evaluated(evaluation), True)
    assert json.loads(capsys.readouterr().out) == evaluation

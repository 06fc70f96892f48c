"""Gates are read from the version's own bundle, and a missing record is a missed gate."""

from __future__ import annotations

from training.promotion_clauses import missed_gates

MET = {"name": "error", "asked": "at most 8.47", "found": 8.40, "passed": True}
MISSED = {"name": "coverage", "asked": "at least 88.5", "found": 80.0, "passed": False}


def test_met_gates_leave_nothing_to_tell() -> None:
    assert missed_gates({"gates": [MET]}) == []


def test_missed_gate_is_told_by_name_with_what_was_found_and_asked() -> None:
    assert [str(fault) for fault in missed_gates({"gates": [MET, MISSED]})] == [
        "gates: coverage: found 80, asked at least 88.5"
    ]


def test_bundle_without_a_record_of_gates_has_missed_them() -> None:
    assert missed_gates({}) != []
    assert missed_gates({"gates": []}) != []

"""Twenty seconds of what `python -m benchmarks.full_load` does for ten minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.full_load import full_load

pytestmark = pytest.mark.slow


def test_under_load_with_champions_changing_every_answer_is_whole_recorded_and_replayed(
    tmp_path: Path,
) -> None:
    run = full_load(tmp_path, 15.0, None)
    assert run.received.failures == run.faults == ()
    assert run.is_clean
    first, second = run.digests
    assert {first, second} < set(run.received.digests)
    assert run.replayed["same"] == run.verified["rows"] >= len(run.received.ids) > 200

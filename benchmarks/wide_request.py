"""One patient with 3,000 expression values through the API, against the echo of the same body."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.load import Load, Target
from benchmarks.results import Row
from benchmarks.serving_speed import interleaved, server
from benchmarks.synthetic_bundle import STUDY, make_home
from features.readers.document import to_document
from features.synthetic_blocks import synthetic_blocks

N_GENES = 3_000
_N_TRAINING = 300
_ROUNDS = 10
_SECONDS = 0.7


def wide_rows() -> list[Row]:
    """Median latency of a short and of a full explanation over that of the echo, one client."""
    cohort, truth = synthetic_blocks(_N_TRAINING, 2, expression=N_GENES)
    document = to_document(cohort, cohort.patient_ids[0], truth.spec)
    bodies = {
        depth: json.dumps({"study": STUDY, "patient": document, "explain": depth}).encode()
        for depth in ("top", "full")
    }
    targets = (
        Target("echo", "/echo", bodies["top"]),
        *(Target(depth, "/v1/predict", body) for depth, body in bodies.items()),
    )
    with TemporaryDirectory(prefix="rxplain-bench-") as name:
        home = Path(name)
        make_home(home, cohort, truth)
        with server(home, STUDY, workers=1, has_plain_way=False) as port:
            loads = interleaved(port, targets, clients=1, seconds=_SECONDS, rounds=_ROUNDS)
    size = f"{len(bodies['top']) / 1e3:.0f} kB of body"
    return [_row(loads, "top", "at most 3", size), _row(loads, "full", "", size)]


def _row(loads: dict[str, list[Load]], depth: str, asked: str, size: str) -> Row:
    ratios = [a.median_ms / e.median_ms for a, e in zip(loads[depth], loads["echo"], strict=True)]
    ours, echo = (float(np.median([load.median_ms for load in loads[name]])) for name in (depth, "echo"))
    return Row(
        f'one patient with {N_GENES:,} expression values, explain "{depth}", durable row, '
        "against the echo, 1 client, median latency",
        asked,
        f"{np.median(ratios):.2f}",
        f"{ours:.2f} ms against {echo:.2f} ms; rounds {min(ratios):.2f} to {max(ratios):.2f}; {size}",
    )


if __name__ == "__main__":
    for row in wide_rows():
        print(row.what, "|", row.asked, "|", row.found, "|", row.detail)

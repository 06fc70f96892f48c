"""One patient under every drug of a panel through the API, against LightGBM's own contributions alone."""

from __future__ import annotations

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import lightgbm
import numpy as np

from benchmarks.load import Target, burst
from benchmarks.results import Row
from benchmarks.serving_speed import server
from benchmarks.synthetic_bundle import STUDY, make_home
from features.encode import encode
from features.readers.document import read_documents, to_document
from features.synthetic_blocks import synthetic_blocks
from models.bundle import load
from models.estimators import TreeSettings
from models.members import TreeMember
from models.shelf import Shelf

N_DRUGS = 100
_N_TRAINING, _EXPRESSION, _CLINICAL = 500, 40, 8
_ROUNDS = 8


def panel_request_rows() -> list[Row]:
    """POST /v1/rank with full explanations, by turns with `pred_contrib` of one row by each drug's trees."""
    cohort, truth = synthetic_blocks(
        _N_TRAINING, 3, expression=_EXPRESSION, clinical=_CLINICAL, drugs=N_DRUGS
    )
    document = to_document(cohort, cohort.patient_ids[0], truth.spec)
    body = json.dumps({"study": STUDY, "patient": document, "explain": "full"}).encode()
    with TemporaryDirectory(prefix="rxplain-bench-") as name:
        home = Path(name)
        make_home(home, cohort, truth, TreeSettings())
        row = encode(read_documents([document], truth.spec), truth.spec).values
        boosters = _boosters(home)
        ours, theirs = [], []
        with server(home, STUDY, workers=1, has_plain_way=False) as port:
            rank = Target("rank", "/v1/rank", body)
            burst(port, rank, 1, 0.5)
            for _ in range(_ROUNDS):
                ours.append(burst(port, rank, 1, 1.0).median_ms)
                theirs.append(_contributions_ms(boosters, row))
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return [
        Row(
            f"one patient under {N_DRUGS} drugs of 300 trees each, every contribution told, durable row, "
            "against the sum of LightGBM's pred_contrib of that patient, 1 client, median latency",
            "at most 1.5",
            f"{np.median(ratios):.2f}",
            f"{np.median(ours):.1f} ms against {np.median(theirs):.1f} ms; "
            f"rounds {min(ratios):.2f} to {max(ratios):.2f}; {len(truth.spec.names)} features",
        )
    ]


def _boosters(home: Path) -> list[tuple[lightgbm.Booster, np.ndarray]]:
    """Each drug's trees, and what a missing value is filled with."""
    entry = Shelf(home).champions()[STUDY]
    members = [m for one in load(entry.folder, entry.digest).models.models for m in one.blend.members]
    trees = [member for member in members if isinstance(member, TreeMember)]
    return [(lightgbm.Booster(model_str=member.model_text), member.fill) for member in trees]


def _contributions_ms(boosters: list[tuple[lightgbm.Booster, np.ndarray]], row: np.ndarray) -> float:
    """The least of three rounds over all drugs, one thread each."""
    found = []
    for _ in range(3):
        began = time.perf_counter()
        for booster, fill in boosters:
            booster.predict(np.where(np.isnan(row), fill, row), pred_contrib=True, num_threads=1)
        found.append(1e3 * (time.perf_counter() - began))
    return min(found)


if __name__ == "__main__":
    for told in panel_request_rows():
        print(told.what, "|", told.asked, "|", told.found, "|", told.detail)

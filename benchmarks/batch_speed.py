"""Many patients over HTTP as JSON lines, against the command that answers a folder of the same patients."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.results import Row
from benchmarks.serving_speed import server
from features.readers.document import to_document
from models.bundle import load
from models.shelf import Shelf
from training.datasets.catalog import load_folder, provide
from training.predict_folder import predict_folder
from training.study import Study

_N_PATIENTS = 10_000
_ROUNDS = 4
_AT_ONCE = 2**16


def batch_rows(home: Path, study: Study, data: Path) -> list[Row]:
    """POST /v1/batch of 10,000 patients with full explanations, each durable, by turns with the command."""
    folder = provide(study.dataset, data, home)
    body, n_of_folder = _lines(home, study, folder)
    http, command = [], []
    with TemporaryDirectory() as out, server(home, study.name, workers=1, has_plain_way=False) as port:
        answers, parquet = Path(out) / "answers.csv", Path(out) / "contributions.parquet"
        _post(port, body[:_AT_ONCE].rpartition(b"\n")[0])
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            n_told = _post(port, body)
            http.append(n_told / (time.perf_counter() - began))
            began = time.perf_counter()
            predict_folder(study.name, folder, home, answers, parquet)
            command.append(n_of_folder / (time.perf_counter() - began))
    ratios = [ours / theirs for ours, theirs in zip(http, command, strict=True)]
    return [
        Row(
            "10,000 patients over HTTP as JSON lines, explained and durable, one worker, times the rate of "
            "`rxplain predict`",
            "at least 0.5",
            f"{np.median(ratios):.2f}",
            f"{np.median(http):.0f} patients/s against {np.median(command):.0f}; "
            f"rounds {min(ratios):.2f} to {max(ratios):.2f}",
        )
    ]


def _lines(home: Path, study: Study, folder: Path) -> tuple[bytes, int]:
    """Its patients as lines, from the first again until there are 10,000; how many the folder has."""
    entry = Shelf(home).champions()[study.name]
    spec = load(entry.folder, entry.digest).model.spec
    cohort = load_folder(study.dataset, folder)
    documents = [to_document(cohort, one, spec) for one in cohort.patient_ids]
    texts = [
        json.dumps({"study": study.name, "patient": {**one, "patient_id": f"patient-{i}"}, "explain": "full"})
        for i, one in enumerate(islice(cycle(documents), _N_PATIENTS))
    ]
    return "\n".join(texts).encode(), len(documents)


def _post(port: int, body: bytes) -> int:
    """How many lines were answered; raises RuntimeError where not all were."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    parts: Iterator[bytes] = (body[at : at + _AT_ONCE] for at in range(0, len(body), _AT_ONCE))
    connection.request("POST", "/v1/batch", parts, {"Content-Type": "application/x-ndjson"})
    last = connection.getresponse().read().rstrip().rpartition(b"\n")[2]
    connection.close()
    end = json.loads(last)["end"]
    n_lines = body.count(b"\n") + 1
    if not end["complete"] or end["answered"] + end["declined"] != n_lines:
        raise RuntimeError(f"{end} of {n_lines} lines")
    return n_lines

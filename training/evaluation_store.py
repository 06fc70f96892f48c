"""Evaluations kept under the home by what they depend on, so that a second asking is quick."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from training.evaluate import Evaluation


def read_evaluation(home: Path, key: str) -> Evaluation | None:
    """The evaluation kept under this key, or None; a file cut short counts as none."""
    document, pairs = _paths(home, key)
    try:
        told = json.loads(document.read_text(encoding="utf-8"))
        return Evaluation(told, np.load(pairs, allow_pickle=False))
    except (OSError, ValueError):
        return None


def keep_evaluation(home: Path, key: str, evaluation: Evaluation) -> Path:
    """Writes the evaluation and answers the path of its document."""
    document, pairs = _paths(home, key)
    document.parent.mkdir(parents=True, exist_ok=True)
    unfinished = pairs.with_name(f".{os.getpid()}.{pairs.name}")
    np.save(unfinished, evaluation.pairs, allow_pickle=False)
    unfinished.replace(pairs)
    write_whole(document, evaluation.to_json())
    return document


def write_whole(path: Path, text: str) -> None:
    """Writes a file so that a reader finds all of it or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{os.getpid()}.{path.name}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def document_path(home: Path, key: str) -> Path:
    """Where the evaluation's document lies."""
    return _paths(home, key)[0]


def _paths(home: Path, key: str) -> tuple[Path, Path]:
    folder = home / "evaluations"
    return folder / f"{key}.json", folder / f"{key}.npy"

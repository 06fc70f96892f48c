"""Made-up tables laid out like the public sources, drawn from the lists of their columns; never real rows."""

from __future__ import annotations

import csv
import gzip
import math
import os
from pathlib import Path

import numpy as np
import pytest

from features.records import Records
from training.datasets.source_columns import DeclaredColumn, declared_columns

Rows = list[dict[str, str]]


def made_up(source: str, n: int = 30, seed: int = 1) -> Rows:
    """Patients `007`, `008` and so on, of whom every column holds something that it may hold, or nothing."""
    rng = np.random.default_rng(seed)
    columns: dict[str, list[str]] = {}
    for declared in declared_columns(source):
        if declared.column not in columns and declared.role != "beside":
            columns[declared.column] = [_cell(declared, i, rng) for i in range(n)]
    return [{name: cells[i] for name, cells in columns.items()} for i in range(n)]


def _cell(declared: DeclaredColumn, i: int, rng: np.random.Generator) -> str:
    if declared.role == "id":
        return f"{i + 7:03d}"
    if declared.role in ("left_out", "unused", "text") and not declared.values:
        return f"word {i}"
    if not declared.needed and declared.role != "outcome" and rng.random() < 0.15:
        return ""
    if declared.values:
        return str(rng.choice([text for text in declared.values if text != "*"]))
    low = max(declared.lowest, -3.0)
    high = declared.highest if math.isfinite(declared.highest) else 3.0
    return f"{rng.uniform(low, high):.3f}"


def write_table(path: Path, rows: Rows) -> Path:
    """The rows as CSV, packed where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_table(path: Path) -> Rows:
    """The cells of a table as text."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def without(rows: Rows, *columns: str) -> Rows:
    """The rows without these columns, the others turned around."""
    return [{name: row[name] for name in reversed(row) if name not in columns} for row in rows]


def columns_of_role(source: str, *roles: str) -> tuple[str, ...]:
    """The columns that are listed with one of these roles."""
    return tuple(dict.fromkeys(d.column for d in declared_columns(source) if d.role in roles))


def real_folder(source: str) -> Path:
    """The folder of a real cohort, or a skip that says it is absent."""
    root = os.environ.get("RXPLAIN_DATA") or Path(__file__).parents[3] / "shared" / "data"
    folder = Path(root) / source
    if not folder.is_dir():
        pytest.skip(f"the cohort {source} is absent; RXPLAIN_DATA names the folder that holds it")
    return folder


def told(table: Records) -> list[str]:
    """The rows of a cohort's table as text, so that NaN equals NaN."""
    return [repr(row) for row in table.rows]

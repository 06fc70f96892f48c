"""Expression matrices as .h5ad: the file's structure is walked first, and only plain arrays within it are
read.

An HDF5 file can name other files: external links, external storage and virtual datasets make a reader hand
out whatever lies on the disk. So every object is looked at before a number is read, and any of these refuses
the file; so do soft links, user-defined links, filters that would load plugins, references and more data
than announced.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from features.errors import CohortError, DataError, Fault
from features.readers.byte_stream import refuse_unless_regular
from features.readers.raw_matrix import LONGEST_ID, MOST_CELLS, RawMatrix, refuse_too_many

_MOST_OBJECTS = 20_000
_DEEPEST = 24
_LARGEST_CHUNK = 1 << 30
_TEXT_BYTES = 1 << 30
_KNOWN_FILTERS = frozenset(
    {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, 32000}
)
_GENE_COLUMNS = (
    "gene_ids", "gene_id", "ensembl_id", "ensembl", "ensembl_gene_id", "gene_symbols", "gene_symbol",
    "symbol", "feature_name", "feature_id", "gene_name", "gene_names",
)  # fmt: skip


def read_h5ad(path: Path, layer: str | None = None) -> RawMatrix:
    """The matrix `X` of a file (or one of its `layers`), patients by genes; each observation is a patient."""
    refuse_unless_regular(path)
    try:
        with h5py.File(path, "r") as file:
            faults = [Fault(f"{path.name} {where}", what, _HARMLESS) for where, what in _dangers(file)]
            if faults:
                raise DataError(f"{path.name} is not safe to read", faults)
            return _matrix(path.name, file, layer)
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError) as error:
        what = "not an .h5ad file, or a damaged one"
        raise DataError(f"{path.name} cannot be read", [Fault(path.name, what, "write it again")]) from error


_HARMLESS = "write the file again with plain arrays inside it (anndata's write_h5ad)"


def _dangers(file: h5py.File) -> Iterator[tuple[str, str]]:
    """What the structure holds that must not be followed: its place and what it is; nothing is read."""
    waiting: list[tuple[str, h5py.Group, int]] = [("", file, 0)]
    seen: set[int] = set()
    while waiting:
        place, group, depth = waiting.pop()
        for name in group:
            here = f"{place}/{name[:64]}"
            kind = _danger_of_link(group, name)
            if kind or depth > _DEEPEST or len(seen) > _MOST_OBJECTS:
                yield here, kind or "more or deeper objects than an .h5ad holds"
                if not kind:
                    return
                continue
            found = h5py.h5o.get_info(group.id, name.encode())
            if found.addr in seen:
                continue
            seen.add(found.addr)
            child = group[name]
            if isinstance(child, h5py.Group):
                waiting.append((here, child, depth + 1))
            elif isinstance(child, h5py.Dataset) and (what := _danger_of_data(child)):
                yield here, what


def _danger_of_link(group: h5py.Group, name: str) -> str | None:
    kind = group.id.links.get_info(name.encode()).type
    if kind == h5py.h5l.TYPE_HARD:
        return None
    kinds = {h5py.h5l.TYPE_EXTERNAL: "a link to another file", h5py.h5l.TYPE_SOFT: "a soft link"}
    return kinds.get(kind, "a user-defined link")


def _danger_of_data(data: h5py.Dataset) -> str | None:
    plan = data.id.get_create_plist()
    if plan.get_external_count():
        return "its numbers are stored in another file"
    if plan.get_layout() == h5py.h5d.VIRTUAL:
        return "a virtual dataset, made of other files"
    filters = {plan.get_filter(i)[0] for i in range(plan.get_nfilters())}
    if filters - _KNOWN_FILTERS:
        return "a compression that needs a plugin"
    if data.chunks and math.prod(data.chunks) * data.dtype.itemsize > _LARGEST_CHUNK:
        return "a chunk too large to unpack"
    if h5py.check_ref_dtype(data.dtype) is not None:
        return "references in place of values"
    return None


def _matrix(name: str, file: h5py.File, layer: str | None) -> RawMatrix:
    place = "X" if layer is None else f"layers/{layer}"
    if place not in file:
        raise _refusal(
            f"{name} /{place[:64]}", "the matrix is not there", "name one of its layers, or write X"
        )
    stored = file[place]
    patients = _ids(name, file["obs"], "obs")
    genes = _gene_ids(name, file["var"])
    shape = (len(patients), len(genes))
    refuse_too_many(name, *shape)
    if isinstance(stored, h5py.Dataset):
        values = _dense(f"{name} /{place}", stored, shape)
    else:
        values = _sparse(f"{name} /{place}", stored, shape)
    return RawMatrix(
        name, patients, genes, values, None, "rows", range(1, shape[0] + 1), range(1, shape[1] + 1)
    )


def _dense(where: str, stored: h5py.Dataset, shape: tuple[int, int]) -> np.ndarray:
    if stored.shape != shape or stored.dtype.kind not in "fiu":
        raise _refusal(
            where, f"{stored.dtype} numbers of shape {stored.shape} for {shape}", "write patients by genes"
        )
    values = np.empty(shape, dtype=np.float64)
    stored.read_direct(values)
    return values


def _sparse(where: str, stored: h5py.Group, shape: tuple[int, int]) -> np.ndarray:
    kind = stored.attrs.get("encoding-type", "")
    by_row = kind == "csr_matrix"
    parts = [stored.get(part) for part in ("data", "indices", "indptr")]
    plain = all(isinstance(p, h5py.Dataset) and p.ndim == 1 and p.dtype.kind in "fiu" for p in parts)
    n_major, n_minor = shape if by_row else shape[::-1]
    declared = tuple(int(side) for side in np.atleast_1d(stored.attrs.get("shape", ())))
    if not plain or kind not in ("csr_matrix", "csc_matrix") or declared != shape:
        raise _refusal(where, "not a matrix of the size of obs and var", "write it dense, CSR or CSC")
    n_stored = parts[0].shape[0]
    if n_stored > MOST_CELLS or parts[1].shape[0] != n_stored or parts[2].shape[0] != n_major + 1:
        raise _refusal(where, "the parts of the sparse matrix do not fit together", "write it again")
    data = parts[0][:].astype(np.float64)
    minor, starts = parts[1][:].astype(np.int64), parts[2][:].astype(np.int64)
    ordered = starts[0] == 0 and starts[-1] == n_stored and bool((np.diff(starts) >= 0).all())
    if not ordered or (n_stored and not 0 <= minor.min() <= minor.max() < n_minor):
        raise _refusal(where, "the parts of the sparse matrix point outside it", "write it again")
    major = np.repeat(np.arange(n_major), np.diff(starts))
    cells = major * shape[1] + minor if by_row else minor * shape[1] + major
    values = np.bincount(cells, weights=data, minlength=shape[0] * shape[1])
    return values.reshape(shape)


def _gene_ids(name: str, var: h5py.Group) -> tuple[tuple[str, ...], ...]:
    found = [_ids(name, var, "var")]
    for column in _GENE_COLUMNS:
        if isinstance(var.get(column), h5py.Dataset) and var[column].shape == (len(found[0]),):
            found.append(_texts(f"{name} /var/{column}", var[column]))
    return tuple(zip(*found, strict=True))


def _ids(name: str, frame: h5py.Group, kind: str) -> tuple[str, ...]:
    if not isinstance(frame, h5py.Group):
        raise _refusal(f"{name} /{kind}", "not a group of columns", "write it with a later anndata")
    index = frame.attrs.get("_index", "_index")
    stored = frame.get(index) if isinstance(index, str) else None
    if not isinstance(stored, h5py.Dataset) or stored.ndim != 1:
        raise _refusal(f"{name} /{kind}", "there is no index of ids", "write it with anndata")
    return _texts(f"{name} /{kind} index", stored)


def _texts(where: str, stored: h5py.Dataset) -> tuple[str, ...]:
    if (
        stored.ndim != 1
        or stored.shape[0] > MOST_CELLS // 100
        or h5py.check_string_dtype(stored.dtype) is None
    ):
        raise _refusal(where, "not a list of texts", "write ids as text")
    fixed = h5py.check_string_dtype(stored.dtype).length
    if fixed is not None and fixed > 4 * LONGEST_ID:
        raise _refusal(where, "over-long texts", "shorten the ids")
    # One stored text may stand for many: few at a time, so that none can fill the memory.
    step = max(1, min(4096, _TEXT_BYTES // max(stored.file.id.get_filesize(), 1)))
    texts, read = [], stored.asstr("utf-8", "strict")
    try:
        for start in range(0, stored.shape[0], step):
            texts += read[start : start + step].tolist()
            if max(map(len, texts[start:])) > LONGEST_ID:
                raise _refusal(where, "over-long texts", "shorten the ids")
        return tuple(texts)
    except UnicodeDecodeError as error:
        raise _refusal(where, "not UTF-8 text", "write ids as UTF-8") from error


def _refusal(where: str, what: str, remedy: str) -> CohortError:
    return CohortError(f"{where.split(' ')[0]} cannot be read", [Fault(where, what, remedy)])

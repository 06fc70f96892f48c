"""Broken and hostile files by kind: how a sound one is spoilt, and what the refusal must say."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.features.source_files import bundle
from tests.features.test_expression_files import h5ad
from tests.features.test_vcf import _bgzip

CANARY = "Jane-Q-Canary"
"""The first patient's id in every file, and what stands where a value is spoilt."""

Spoil = Callable[[Path], object]
"""What is done to a file, or in its place."""


@dataclass(frozen=True)
class Case:
    """A source of this format, its file that is spoilt, how, and what the refusal says; options besides."""

    format: str
    file: str
    spoil: Spoil
    says: str
    options: Mapping[str, object]


def of(
    format: str,
    file: str,
    cases: Mapping[str, tuple[Spoil, str]],
    options: Mapping[str, object] | None = None,
) -> dict[str, Case]:
    """Cases of one file, their names made whole with the format."""
    return {
        f"{format}: {name}": Case(format, file, spoil, says, options or {})
        for name, (spoil, says) in cases.items()
    }


def put(content: str | bytes) -> Spoil:
    """Another content altogether."""
    raw = content.encode() if isinstance(content, str) else content
    return lambda path: path.write_bytes(raw)


def edit(old: str | bytes, new: str | bytes) -> Spoil:
    """One place changed."""
    before, after = (text.encode() if isinstance(text, str) else text for text in (old, new))

    def spoil(path: Path) -> None:
        raw = path.read_bytes()
        assert before in raw, (path.name, old)
        path.write_bytes(raw.replace(before, after, 1))

    return spoil


def changed(change: Callable[[bytes], bytes]) -> Spoil:
    """All of it changed."""
    return lambda path: path.write_bytes(change(path.read_bytes()))


def cut(n: int) -> Spoil:
    """The last bytes lost."""
    return changed(lambda raw: raw[:-n])


def flipped(at: int) -> Spoil:
    """One bit turned."""
    return changed(lambda raw: raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])


def sound(_path: Path) -> None:
    """Nothing changed; the options are wrong."""


def bomb(path: Path) -> None:
    """Sixty million bytes in sixty thousand, after a sound beginning."""
    head = path.read_bytes()
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(head)
        for _ in range(60):
            file.write(b"A" * 1_000_000)


def utf16(path: Path) -> None:
    """The same text as spreadsheets export it."""
    path.write_bytes(path.read_text(encoding="utf-8").encode("utf-16"))


def linked(path: Path) -> None:
    """A link to a file that is nobody's business."""
    path.unlink(missing_ok=True)
    os.symlink("/etc/passwd", path)


def pipe(path: Path) -> None:
    """A pipe that nobody writes to."""
    path.unlink()
    os.mkfifo(path)


def absent(path: Path) -> None:
    """No file."""
    path.unlink()


def resources(*listed: dict) -> Spoil:
    """Another FHIR bundle."""
    return put(json.dumps(bundle(*listed)))


def parquet(columns: Mapping[str, object], lost: int = 0) -> Spoil:
    """A Parquet file of columns, some bytes lost."""

    def spoil(path: Path) -> None:
        pq.write_table(pa.table(dict(columns)), path)
        path.write_bytes(path.read_bytes()[: -lost or None])

    return spoil


def parquet_bomb(path: Path) -> None:
    """Four hundred million numbers announced in few bytes."""
    genes = pa.array(["TP53"]).take(pa.array(np.zeros(3_000_000, dtype=np.int8)))
    nothing = pa.nulls(3_000_000, pa.float64())
    pq.write_table(pa.table({"gene": genes, **{f"p{i}": nothing for i in range(140)}}), path)


def hdf5(change: Callable[[h5py.File], object]) -> Spoil:
    """An .h5ad, changed; beside it lies a file that it may name."""

    def spoil(path: Path) -> None:
        path.with_name("other.bin").write_bytes(CANARY.encode() * 100)
        with h5py.File(h5ad(path), "a") as file:
            change(file)

    return spoil


def external_link(file: h5py.File) -> None:
    """X in another file."""
    del file["X"]
    file["X"] = h5py.ExternalLink("other.bin", "/X")


def external_storage(file: h5py.File) -> None:
    """X's numbers in another file, as if they were of any file on the disk."""
    del file["X"]
    file.create_dataset("X", (3, 6), "f8", external=[("other.bin", 0, h5py.h5f.UNLIMITED)])


def virtual(file: h5py.File) -> None:
    """X put together from other files."""
    del file["X"]
    layout = h5py.VirtualLayout((3, 6), "f8")
    layout[:] = h5py.VirtualSource("other.bin", "X", (3, 6))
    file.create_virtual_dataset("X", layout)


def far_too_large(file: h5py.File) -> None:
    """X of a million billion numbers, none of them there."""
    del file["X"]
    file.create_dataset("X", (10**9, 10**6), "f8", chunks=(1, 1000))


def endless_line(path: Path) -> None:
    """A line without end, well packed."""
    _bgzip(path.parent, [path.with_name("calls.vcf").read_text(), "chr10\t" + "A" * 20_000_000], path.name)

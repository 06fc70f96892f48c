"""A tabix or CSI index: which blocks of a bgzip file hold the wanted stretches, so that they can be verified.

htslib passes over a damaged block in silence, so the blocks that it is going to read through an index are
unpacked here first (SAM/BAM specification, section 5.2; tabix and CSI specifications).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from features.errors import CohortError, Fault
from features.readers import bgzf

Stretch = tuple[str, int, int]
Chunk = tuple[int, int]

_TBI, _CSI = b"TBI\1", b"CSI\1"
_MOST_BYTES = 1 << 30


def index_of(path: Path) -> Path | None:
    """The index beside a file, unless it is older than the file."""
    indices = (path.with_name(path.name + suffix) for suffix in (".csi", ".tbi"))
    return next((i for i in indices if i.is_file() and i.stat().st_mtime >= path.stat().st_mtime), None)


def check_stretches(
    path: Path, index: Path, stretches: Sequence[Stretch], chromosome_of: Callable[[str], str]
) -> tuple[str, ...]:
    """The contigs in the index; refuses a file one of whose blocks that hold the stretches is damaged."""
    try:
        contigs, chunks = _read(index, stretches, chromosome_of)
    except (struct.error, IndexError, UnicodeDecodeError, CohortError):
        fault = Fault(
            index.name, "the index is damaged", "index the file again with tabix, or remove the index"
        )
        raise CohortError(f"{path.name} cannot be read", [fault]) from None
    verified = -1
    for first, last in sorted(set(chunks)):
        if last > verified:
            bgzf.check_text(path, max(first, verified), last)
            verified = last
    return contigs


@dataclass
class _Bytes:
    """The index's bytes, taken from the front."""

    raw: bytes
    at: int = 0

    def take(self, form: str) -> tuple[int, ...]:
        """The next numbers of a form."""
        found = struct.unpack_from(f"<{form}", self.raw, self.at)
        self.at += struct.calcsize(f"<{form}")
        return found


def _read(
    index: Path, stretches: Sequence[Stretch], chromosome_of: Callable[[str], str]
) -> tuple[tuple[str, ...], list[Chunk]]:
    """The contigs, and first and last block of every chunk that may hold a record of a stretch."""
    data = _Bytes(_unpacked(index))
    magic = data.raw[:4]
    data.at = 4
    if magic == _TBI:
        (n_references,), shift, depth = data.take("i"), 14, 5
        names = _names(data)
    elif magic == _CSI:
        shift, depth, _ = data.take("3i")
        names = _names(data)
        (n_references,) = data.take("i")
    else:
        raise IndexError("not an index")
    chunks: list[Chunk] = []
    for number in range(n_references):
        wanted = [s for s in stretches if s[0] == chromosome_of(names[number])]
        bins = {b for _, first, last in wanted for b in _bins(first - 1, last, shift, depth)}
        chunks += _of_reference(data, bins, has_offsets=magic == _CSI)
    return tuple(names), chunks


def _unpacked(index: Path) -> bytes:
    parts, size = [], 0
    for part in bgzf.unpacked(index):
        size += len(part)
        if size > _MOST_BYTES:
            raise IndexError("the index is over-long")
        parts.append(part)
    return b"".join(parts)


def _names(data: _Bytes) -> list[str]:
    *_, length = data.take("7i")
    raw = data.raw[data.at : data.at + length]
    data.at += length
    return [name.decode() for name in raw.split(b"\0")[:-1]]


def _of_reference(data: _Bytes, bins: set[int], has_offsets: bool) -> Iterator[Chunk]:
    (n_bins,) = data.take("i")
    for _ in range(n_bins):
        number = data.take("IQ" if has_offsets else "I")[0]
        (n_chunks,) = data.take("i")
        for _ in range(n_chunks):
            first, last = data.take("QQ")
            if number in bins:
                yield first >> 16, (last - 1) >> 16
    if not has_offsets:
        (n_intervals,) = data.take("i")
        data.take(f"{n_intervals}Q")


def _bins(first: int, last: int, shift: int, depth: int) -> Iterator[int]:
    """The bins that may hold a record touching the bases from `first` to before `last`, counted from 0."""
    offset, reach = 0, shift + 3 * depth
    for level in range(depth + 1):
        yield from range(offset + (first >> reach), offset + ((last - 1) >> reach) + 1)
        offset += 1 << (3 * level)
        reach -= 3

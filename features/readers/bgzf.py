"""BGZF, the blocked gzip of genomics: whole or refused, unpacked block by block in bounded memory.

htslib reads a file that was cut off as far as it goes and only warns, so the blocks are walked here
first: each must lead to the next, and the last must be the empty block that marks the end (SAM/BAM
specification, section 4.1).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from features.errors import CohortError, Fault

END_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_HEADER = struct.Struct("<4BI2BH")
_SIZE = struct.Struct("<I")
_MAGIC = (0x1F, 0x8B, 8, 4)
_MOST_UNPACKED = 65536
_NOT_BGZF = "not BGZF (plain gzip cannot be told whole from cut off)"
_COPY_AGAIN = "copy it again, or write it again with bgzip"


def check_blocks(path: Path) -> None:
    """Refuse a file whose blocks do not lead from its first byte to an end block; nothing is unpacked."""
    with path.open("rb") as file:
        for _ in _blocks(path, file, unpack=False):
            pass


def unpacked(path: Path) -> Iterator[bytes]:
    """The text of each block, its checksum verified."""
    with path.open("rb") as file:
        yield from _blocks(path, file, unpack=True)


def text_size(path: Path) -> int:
    """The bytes of the whole text as the blocks tell them; nothing is unpacked, so a lie shows only then."""
    with path.open("rb") as file:
        size, at, total = path.stat().st_size, 0, 0
        while at < size:
            length = _length(path, file, at)
            file.seek(at + length - _SIZE.size)
            last = file.read(_SIZE.size)
            total += _SIZE.unpack(last)[0] if len(last) == _SIZE.size else 0
            at += length
    return total


def check_text(path: Path, first: int, last: int) -> None:
    """Refuse a file of which a block from the byte `first` to the one at `last` is damaged."""
    size = path.stat().st_size
    with path.open("rb") as file:
        at = first
        while at <= last and at < size:
            length = _length(path, file, at)
            file.seek(at)
            _text(path, file.read(length), at)
            at += length


def _blocks(path: Path, file: BinaryIO, unpack: bool) -> Iterator[bytes]:
    size, at, last = path.stat().st_size, 0, b""
    while at < size:
        length = _length(path, file, at)
        if at + length > size:
            raise _refusal(path, f"cut off within the block at byte {at:,}", _COPY_AGAIN)
        file.seek(at)
        last = file.read(length) if unpack or length == len(END_BLOCK) else b""
        if unpack:
            yield _text(path, last, at)
        at += length
    if last != END_BLOCK:
        raise _refusal(path, "the BGZF end block is missing, as in a file that was cut off", _COPY_AGAIN)


def _length(path: Path, file: BinaryIO, at: int) -> int:
    file.seek(at)
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size or _HEADER.unpack(head)[:4] != _MAGIC:
        raise _refusal(path, f"no block at byte {at:,}" if at else _NOT_BGZF, "write it with bgzip")
    extra = file.read(_HEADER.unpack(head)[-1])
    while len(extra) >= 4:
        first, second, size = struct.unpack_from("<2BH", extra)
        if (first, second, size) == (0x42, 0x43, 2) and len(extra) >= 6:
            length = int(struct.unpack_from("<H", extra, 4)[0]) + 1
            if length < len(END_BLOCK) - 2:
                raise _refusal(path, f"the block at byte {at:,} is damaged", _COPY_AGAIN)
            return length
        extra = extra[4 + size :]
    raise _refusal(path, _NOT_BGZF, "write it with bgzip")


def _text(path: Path, block: bytes, at: int) -> bytes:
    checksum, length = struct.unpack_from("<2I", block, len(block) - 8)
    start = _HEADER.size + _HEADER.unpack_from(block)[-1]
    try:
        worker = zlib.decompressobj(wbits=-15)
        text = worker.decompress(block[start:-8], _MOST_UNPACKED)
    except zlib.error:
        raise _refusal(path, f"the block at byte {at:,} is damaged", _COPY_AGAIN) from None
    if len(text) != length or zlib.crc32(text) != checksum or not worker.eof:
        raise _refusal(path, f"the block at byte {at:,} is damaged", _COPY_AGAIN)
    return text


def _refusal(path: Path, what: str, remedy: str) -> CohortError:
    return CohortError(f"{path.name} cannot be read", [Fault(path.name, what, remedy)])

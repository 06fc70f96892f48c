"""The bytes of a file, plain or gzip, in bounded memory: bombs, cut-off files and wrong bytes are told."""

from __future__ import annotations

import io
import math
import stat
import zlib
from pathlib import Path

from features.errors import CohortError, Fault

LARGEST_TEXT = 8_000_000_000
"""Bytes that a packed text may have when it is unpacked."""

LARGEST_GROWTH = 300
"""How many times its file's size an unpacked text may be; tables of numbers grow less than thirtyfold."""

_SMALL = 64_000_000
_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_GZIP_BITS = 31
_EMPTY = "the file is empty: there is no header"
_OTHER_KINDS = {
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"PK": "a zip archive or spreadsheet",
    b"\x89H": "HDF5",
    b"PA": "Parquet",
    b"BZ": "bzip2",
    b"\xfd7": "xz",
    b"(\xb5": "zstd",
}


class ByteStream(io.RawIOBase):
    """The text of a file, unpacked as it is read; use it in a `with`.

    What is refused raises `CohortError` from `readinto`, so no reader on top mistakes a part for the whole.
    With `refuse_nul` False whoever reads it tells of a NUL and its line.
    """

    def __init__(self, path: Path, refuse_nul: bool = True) -> None:
        super().__init__()
        refuse_unless_regular(path)
        self._name = path.name
        self._file = path.open("rb")
        self._refuse_nul = refuse_nul
        head = self._file.read(2)
        self._file.seek(0)
        if not head or head in _OTHER_KINDS:
            self._file.close()
            what = f"the file is {_OTHER_KINDS[head]}, not UTF-8 text" if head else _EMPTY
            raise self._refusal(what, "give UTF-8 text, plain or gzip")
        packed = head == _GZIP
        most = min(LARGEST_TEXT, max(_SMALL, path.stat().st_size * LARGEST_GROWTH))
        self._most = most if packed else math.inf
        self._unpacker = zlib.decompressobj(wbits=_GZIP_BITS) if packed else None
        self._left = b""
        self.n_read = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill the buffer; 0 at the end of the text."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        chunk = self._unpacked(self._unpacker, len(view)) if self._unpacker else self._file.read(len(view))
        view[: len(chunk)] = chunk
        self.n_read += len(chunk)
        if self.n_read > self._most:
            raise self._refusal("far more text than a file of this size holds", "check the file")
        if self._refuse_nul and b"\0" in chunk:
            raise self._refusal("an embedded NUL", "save the file as plain text")
        return len(chunk)

    def close(self) -> None:
        """Close the file too, if it was ever opened."""
        if not self.closed and hasattr(self, "_file"):
            self._file.close()
        super().close()

    def _unpacked(self, unpacker: zlib._Decompress, most: int) -> bytes:
        """At most `most` bytes of text; b'' at the end of a whole file."""
        while True:
            packed = self._left or self._file.read(_CHUNK)
            if unpacker.eof:
                if not packed:
                    return b""
                unpacker = self._unpacker = zlib.decompressobj(wbits=_GZIP_BITS)
            elif not packed:
                raise self._refusal("the compressed data are cut off", "obtain the whole file")
            try:
                text = unpacker.decompress(packed, most)
            except zlib.error as error:
                raise self._refusal("the compressed data are altered", "obtain the file again") from error
            self._left = unpacker.unconsumed_tail or unpacker.unused_data
            if text:
                return text

    def _refusal(self, what: str, remedy: str) -> CohortError:
        return CohortError(f"{self._name} cannot be read", [Fault(self._name, what, remedy)])


def refuse_unless_regular(path: Path, follow: bool = True) -> None:
    """Refuse what is no plain file: absent, a folder, a pipe, a device and, unless `follow`, a link."""
    try:
        mode = (path.stat() if follow else path.lstat()).st_mode
    except (OSError, ValueError) as error:
        raise CohortError(
            f"{path.name} cannot be read", [Fault(path.name, "there is no such file")]
        ) from error
    if not stat.S_ISREG(mode):
        what = "not a plain file (a folder, link, pipe or device)"
        raise CohortError(f"{path.name} cannot be read", [Fault(path.name, what, "give the file itself")])

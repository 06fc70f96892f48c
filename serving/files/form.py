"""A multipart form taken apart: its parts by name, each once; the one door of python_multipart."""

from __future__ import annotations

from collections.abc import Mapping

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from features.errors import Fault
from serving.errors import RequestError

FILES = ("vcf", "maf", "panel", "bundle")
"""Parts that are files, in the order in which they are read."""
OPTIONS = ("build", "assume_reference", "index")
PARTS = ("request", *FILES, *OPTIONS)


def parts_of(content_type: bytes, body: bytes) -> Mapping[str, bytes]:
    """The parts of a form by name; raises the 400 problem for what is no whole form, 422 for its parts."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= 70:
        raise _malformed("its header Content-Type names no boundary")
    gathered = _Gathered()
    try:
        parser = gathered.parser(boundary)
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise _malformed("its parts cannot be told apart") from None
    if not gathered.is_whole:
        raise _malformed("its last boundary is missing, as in one that was cut off")
    return gathered.parts()


class _Gathered:
    """What the parser's callbacks tell."""

    def __init__(self) -> None:
        self.is_whole = False
        self._found: list[tuple[str, bytearray]] = []
        self._field = b""
        self._value = b""

    def parser(self, boundary: bytes) -> MultipartParser:
        """A parser that tells what it finds here."""
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_field,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header,
                "on_part_data": self._on_data,
                "on_end": self._on_end,
            },
        )

    def parts(self) -> dict[str, bytes]:
        """The parts by name; every strange or repeated one told together."""
        names = [name for name, _ in self._found]
        strange = sum(name not in PARTS for name in names)
        faults = [
            Fault(name, "the part is sent twice", "send it once") for name in PARTS if names.count(name) > 1
        ]
        if strange:
            faults.append(Fault("", f"{strange} parts are not known here", f"send only {', '.join(PARTS)}"))
        if faults:
            raise RequestError("invalid-request", f"{len(faults)} faults in the form", faults)
        return {name: bytes(content) for name, content in self._found}

    def _begin(self) -> None:
        if len(self._found) == 2 * len(PARTS):
            raise _malformed("it has too many parts")
        self._found.append(("", bytearray()))

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        if self._field.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            name = options.get(b"name", b"").decode("ascii", errors="replace")
            self._found[-1] = (name, self._found[-1][1])
        self._field = self._value = b""

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._found[-1][1].extend(memoryview(data)[start:end])

    def _on_end(self) -> None:
        self.is_whole = True


def _malformed(why: str) -> RequestError:
    return RequestError("malformed-form", f"The form is refused: {why}.")

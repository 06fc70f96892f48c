"""JSON read strictly: no repeated key, no NaN or infinity, no bomb; a file or the lines of one (NDJSON)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

from features.errors import CohortError, Fault
from features.readers.byte_stream import refuse_unless_regular

MOST_BYTES = 256_000_000
"""Of one document, and of one line of NDJSON."""


def read_json(path: Path, most_bytes: int = MOST_BYTES) -> object:
    """The document in a file."""
    refuse_unless_regular(path)
    with path.open("rb") as file:
        raw = file.read(most_bytes + 1)
    if len(raw) > most_bytes:
        raise _refusal(path.name, f"longer than {most_bytes:,} bytes", "split it, or send NDJSON")
    return _document(raw, path.name)


def read_ndjson(path: Path, most_bytes: int = MOST_BYTES) -> Iterator[tuple[int, object]]:
    """Each line's number and document, as FHIR's bulk export writes them; empty lines are passed over."""
    refuse_unless_regular(path)
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(most_bytes + 1):
            number += 1
            where = f"{path.name} line {number}"
            if len(raw) > most_bytes:
                raise _refusal(where, f"longer than {most_bytes:,} bytes", "send one resource a line")
            if not raw.endswith(b"\n"):
                raise _refusal(where, "the last line has no end, as in a file that was cut off", "end it")
            if raw.strip():
                yield number, _document(raw, where)


def _document(raw: bytes, where: str) -> object:
    try:
        text = raw.decode("utf-8-sig", errors="strict")
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_float)
    except UnicodeDecodeError as error:
        raise _refusal(where, "not UTF-8 text", "save it as UTF-8") from error
    except json.JSONDecodeError as error:
        what = f"not JSON from line {error.lineno}, character {error.colno}"
        raise _refusal(where, what, "check that the file is whole") from None
    except RecursionError as error:
        raise _refusal(where, "nested too deeply", "check the file") from error
    except ValueError as error:
        raise _refusal(where, "a repeated key, or a number that is none", "write each key once") from error


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a repeated key")
    return found


def _no_number(text: str) -> float:
    raise ValueError("not a number")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not a number")
    return number


def _refusal(where: str, what: str, remedy: str) -> CohortError:
    return CohortError(f"{where} cannot be read", [Fault(where, what, remedy)])

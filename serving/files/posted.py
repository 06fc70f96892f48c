"""What was posted with files: the request without what the files say, the files, and how to read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qsl

from features.errors import Fault
from features.knowledge.definitions import BUILDS
from features.readers.file_faults import number_of
from features.readers.index_date import exact_date
from serving.body import parse_object
from serving.errors import RequestError
from serving.files.form import FILES, parts_of
from serving.files.media import is_bundle

ASKED = ("study", "drug", "level", "explain", "options")
"""What is asked of a bundle, as the query's fields; `options` may come several times."""

_LONGEST_OPTION = 100
_MOST_FIELDS = 2000


@dataclass(frozen=True)
class Posted:
    """`build` and `assume_reference` say how a VCF is read; `index` is a bundle's day of treatment, day 0."""

    request: Mapping[str, object]
    files: Mapping[str, bytes]
    build: str | None = None
    assume_reference: bool = False
    index: date | None = None


def posted_of(content_type: bytes, query: bytes, body: bytes) -> Posted:
    """A form with files, or one bundle whose query says what is asked; raises a RequestError otherwise."""
    if is_bundle(content_type):
        return Posted(_asked(query), {"bundle": body})
    parts = parts_of(content_type, body)
    faults: list[Fault] = []
    if "request" not in parts:
        faults.append(Fault("request", "the part is missing", "send the request without what the files say"))
    files = {name: parts[name] for name in FILES if name in parts}
    if not files:
        faults.append(
            Fault("", "there is no file", f"send one of {', '.join(FILES)}, or the request as JSON")
        )
    if {"maf", "panel"} <= files.keys():
        faults.append(Fault("panel", "the tumour has two files", "send either maf or panel"))
    options = _build(parts, faults), _assumes(parts, faults), _index(parts, faults)
    if faults:
        raise RequestError("invalid-request", f"{len(faults)} faults in the form", faults)
    return Posted(parse_object(parts["request"]), files, *options)


def _asked(query: bytes) -> dict[str, object]:
    """The request in a query; what is wrong with its values is told where a JSON request's would be."""
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        fault = Fault("", f"there are more than {_MOST_FIELDS} fields", "leave options out for all of them")
        raise RequestError("invalid-request", "1 fault in the query", [fault]) from None
    found: dict[str, object] = {}
    strange = sum(name not in ASKED for name, _ in pairs)
    repeated = [name for name in ASKED[:-1] if sum(name == own for own, _ in pairs) > 1]
    faults = [Fault(f"/{name}", "is given twice") for name in repeated]
    if strange:
        faults.append(Fault("", f"{strange} fields are not known here", f"send only {', '.join(ASKED)}"))
    if faults:
        raise RequestError("invalid-request", f"{len(faults)} faults in the query", faults)
    for name, value in pairs:
        number = number_of(value) if name == "level" else None
        found[name] = value if number is None else number
    options = [value for name, value in pairs if name == "options"]
    return found | ({"options": options} if options else {})


def _text(parts: Mapping[str, bytes], name: str) -> str | None:
    return parts[name][:_LONGEST_OPTION].decode("latin-1").strip() if name in parts else None


def _build(parts: Mapping[str, bytes], faults: list[Fault]) -> str | None:
    build = _text(parts, "build")
    if build is not None and build not in BUILDS:
        faults.append(Fault("build", "is not known here", f"send one of {', '.join(BUILDS)}"))
    return build


def _assumes(parts: Mapping[str, bytes], faults: list[Fault]) -> bool:
    """Whether a site that the VCF is silent about is taken for the reference, as in one of variants only."""
    told = _text(parts, "assume_reference")
    if told not in (None, "true", "false"):
        faults.append(Fault("assume_reference", "is not known here", "send true or false"))
    return told == "true"


def _index(parts: Mapping[str, bytes], faults: list[Fault]) -> date | None:
    told = _text(parts, "index")
    day = None if told is None else exact_date(told)
    if told is not None and day is None:
        faults.append(Fault("index", "is no day", "send YYYY-MM-DD, the day of treatment"))
    return day

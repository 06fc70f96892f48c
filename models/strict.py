"""JSON without its ambiguities: one canonical spelling out, and no NaN and no repeated key in."""

from __future__ import annotations

import hashlib
import json

from features.errors import BundleError


def to_bytes(data: object) -> bytes:
    """The one spelling of `data`: sorted keys, UTF-8, floats by `repr`; NaN and infinity are refused."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1)
    return (text + "\n").encode()


def from_bytes(raw: bytes, name: str) -> dict[str, object]:
    """The object that `raw` spells; `name` is the file to be named in an error."""
    try:
        data = json.loads(raw, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name} is not strict JSON; fetch the bundle again") from error
    if not isinstance(data, dict):
        raise BundleError(f"{name} does not hold a JSON object; fetch the bundle again")
    return data


def sha256(raw: bytes) -> str:
    """The digest of `raw` in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise ValueError("a key is repeated")
    return data


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")

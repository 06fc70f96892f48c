"""Strict JSON: what two readers could read differently is refused."""

from __future__ import annotations

import pytest

from serving.body import parse_object
from serving.errors import RequestError

REFUSED = {
    "empty": b"",
    "not json": b"study=tiny",
    "a list": b"[1]",
    "a text": b'"a"',
    "duplicate key": b'{"a": 1, "a": 1}',
    "duplicate key deep inside": b'{"a": [{"b": {"c": 1, "c": 2}}]}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "overflowing float": b'{"a": 1e999}',
    "huge integer": b'{"a": ' + b"9" * 5000 + b"}",
    "16 digits": b'{"a": 1234567890123456}',
    "minus 16 digits": b'{"a": -1234567890123456}',
    "deep list": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "trailing comma": b'{"a": 1,}',
    "single quotes": b"{'a': 1}",
    "comment": b'{"a": 1 /* one */}',
    "two documents": b'{"a": 1}{"a": 1}',
    "leading zero": b'{"a": 01}',
    "plus sign": b'{"a": +1}',
    "hexadecimal": b'{"a": 0x10}',
    "control character": b'{"a": "\x01"}',
    "byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "latin-1": b'{"a": "\xe9"}',
    "lone surrogate": b'{"a": "\\ud800"}',
    "lone surrogate as a key": b'{"\\udfff": 1}',
    "truncated": b'{"a": ',
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_anything_but_strict_json_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        parse_object(body)
    assert refused.value.kind == "malformed-json"


def test_ordinary_json_is_read_as_it_stands() -> None:
    assert parse_object(b' {"a": [1, 2.5, -3e2, true, null, "\\u00e9"]} ') == {
        "a": [1, 2.5, -300.0, True, None, "é"]
    }
    assert parse_object(b'{"a": -999999999999999}') == {"a": 1 - 10**15}


def test_a_body_over_the_limit_is_refused() -> None:
    with pytest.raises(RequestError) as refused:
        parse_object(b'{"a": "' + b"x" * 100 + b'"}', limit_bytes=100)
    assert refused.value.kind == "body-too-large"

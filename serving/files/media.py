"""Which bodies hold files, and how large they may be."""

from __future__ import annotations

from starlette.types import Scope

from serving.settings import Settings

BUNDLE = b"application/fhir+json"
KINDS = (b"multipart/form-data", BUNDLE)
TAKING = frozenset({"/v1/predict", "/v1/rank", "/v1/simulate", "/v1/explain", "/v1/similar"})
"""Routes that take them."""


def holds_files(content_type: bytes) -> bool:
    """Whether a header `Content-Type` announces files.

    >>> holds_files(b"multipart/form-data; boundary=x"), holds_files(b"application/json")
    (True, False)
    """
    return content_type.lower().startswith(KINDS)


def is_bundle(content_type: bytes) -> bool:
    """Whether a body is announced as one bare bundle, whose request stands in the query."""
    return content_type.partition(b";")[0].strip().lower() == BUNDLE


def body_limit(scope: Scope, settings: Settings) -> int:
    """The bytes that a request's body may have."""
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    takes = scope["path"] in TAKING and any(map(holds_files, kinds))
    return settings.file_limit_bytes if takes else settings.body_limit_bytes

"""Whether a client asks for FHIR."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import Scope

MEDIA_TYPE = b"application/fhir+json"
CDS = "/cds-services"
"""Where the routes of CDS Hooks lie."""

_REFUSED = (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")


def asks_for_fhir(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a header `Accept` names FHIR's JSON; without it plain JSON is answered."""
    return any(name == b"accept" and names_fhir(value) for name, value in headers)


def is_told_in_fhir(scope: Scope) -> bool:
    """Whether what goes wrong is told as FHIR tells it: to whoever asks for FHIR, and at a CDS service."""
    return scope["path"].startswith(CDS) or asks_for_fhir(scope["headers"])


def names_fhir(accepted: bytes) -> bool:
    """The same of the header's value.

    >>> names_fhir(b"application/fhir+json; fhirVersion=4.0, */*;q=0.1")
    True
    """
    lower = accepted.lower()
    return MEDIA_TYPE in lower and any(map(_is_fhir, lower.split(b",")))


def _is_fhir(one: bytes) -> bool:
    media, *options = (part.strip() for part in one.split(b";"))
    return media == MEDIA_TYPE and not any(option in _REFUSED for option in options)

"""What schemathesis must be told of our API: how JSON lines are written and read."""

from __future__ import annotations

import json

import schemathesis

from tests.serving.openapi_check import faults_of

LINES = "application/x-ndjson"
_NOTHING_KEPT = {"row": "prediction", "tenant": "", "id": ""}
"""What stands for an export without lines, of a patient of whom nothing is kept."""


@schemathesis.serializer(LINES)
def as_lines(_: object, value: object) -> bytes:
    """One line; a real batch is more of them."""
    return json.dumps(value).encode() + b"\n"


@schemathesis.deserializer(LINES)
def worst_line(_: object, response: schemathesis.Response) -> object:
    """The first line that departs from the schema of a line, else the last: what is held against it."""
    lines = [json.loads(line) for line in response.content.splitlines()] or [_NOTHING_KEPT]
    schema = {"$ref": f"#/components/schemas/{'PatientRow' if 'row' in lines[0] else 'BatchLine'}"}
    return next((line for line in lines if faults_of(line, schema=schema)), lines[-1])

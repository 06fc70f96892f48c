"""What the schemas of the OpenAPI document are put together from."""

from __future__ import annotations

from collections.abc import Mapping

Schema = dict[str, object]


def ref(name: str) -> Schema:
    """A schema of this file by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def closed(properties: Mapping[str, object], optional: tuple[str, ...] = ()) -> Schema:
    """An object of exactly these properties."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def list_of(items: Schema) -> Schema:
    """A list of such items."""
    return {"type": "array", "items": items}


def or_null(kind: str) -> Schema:
    """A value of this type, or null."""
    return {"type": [kind, "null"]}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer"}
SUMS: Schema = {"type": "object", "additionalProperties": NUMBER}
ANY: Schema = {"type": "object"}

"""Whether a document is as its schema says; enough of JSON Schema for our OpenAPI document, by hand."""

from __future__ import annotations

import httpx

from serving.openapi import openapi_document

_TYPES = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
    "null": type(None),
}  # fmt: skip


def faults_of(found: object, path: str = "", method: str = "", schema: dict | None = None) -> list[str]:
    """Where a response (or a document with its schema) departs from the OpenAPI document."""
    if not isinstance(found, httpx.Response):
        return list(_faults(found, schema or {}, "$"))
    responses = openapi_document()["paths"][path][method]["responses"]
    if str(found.status_code) not in responses:
        return [f"status {found.status_code} is not listed"]
    content = responses[str(found.status_code)]["content"]
    media = found.headers["content-type"].partition(";")[0]
    if media not in content:
        return [f"media type {media} is not listed"]
    return list(_faults(found.json(), content[media]["schema"], "$"))


def _faults(value: object, schema: dict, at: str):
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        yield from _faults(value, openapi_document()["components"]["schemas"][name], at)
    for part in schema.get("allOf", []):
        yield from _faults(value, part, at)
    if "oneOf" in schema and sum(not list(_faults(value, part, at)) for part in schema["oneOf"]) != 1:
        yield f"{at}: not exactly one of"
    if "anyOf" in schema and all(list(_faults(value, part, at)) for part in schema["anyOf"]):
        yield f"{at}: none of"
    if "type" in schema and not _is_of(value, schema["type"]):
        yield f"{at}: not {schema['type']}"
        return
    if ("enum" in schema and value not in schema["enum"]) or ("const" in schema and value != schema["const"]):
        yield f"{at}: another value"
    if isinstance(value, dict):
        yield from _object_faults(value, schema, at)
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            yield from _faults(item, schema["items"], f"{at}[{i}]")


def _object_faults(value: dict, schema: dict, at: str):
    known = schema.get("properties", {})
    yield from (f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value)
    for name, item in value.items():
        if name in known:
            yield from _faults(item, known[name], f"{at}.{name}")
        elif schema.get("additionalProperties") is False:
            yield f"{at}: {name} is not listed"
        elif isinstance(schema.get("additionalProperties"), dict):
            yield from _faults(item, schema["additionalProperties"], f"{at}.{name}")


def _is_of(value: object, kinds: str | list[str]) -> bool:
    names = [kinds] if isinstance(kinds, str) else kinds
    return any(
        isinstance(value, _TYPES[n]) and not (isinstance(value, bool) and n != "boolean") for n in names
    )

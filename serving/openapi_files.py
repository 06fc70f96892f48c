"""How a patient may be sent as files, as parts of the OpenAPI document."""

from __future__ import annotations

from features.knowledge.definitions import BUILDS
from serving.files.form import FILES
from serving.openapi_parts import TEXT, Schema, closed, list_of
from serving.request_schema import LEVEL
from serving.schemas import DEPTHS

_SAID = {
    "vcf": "A germline VCF of the patient alone, plain or bgzip: gives the genotypes.",
    "maf": "The tumour's mutations as MAF; the request describes the assay, without variants.",
    "panel": "The tumour's calls as a panel's report spells them; the request describes the assay.",
    "bundle": "A FHIR R4 bundle of the patient alone.",
}
_OPTIONS: Schema = {
    "build": {"enum": list(BUILDS), "description": "Of a VCF whose head does not tell it."},
    "assume_reference": {
        "enum": ["true", "false"], "default": "false",
        "description": "Whether a site that the VCF is silent about is taken for the reference.",
    },
    "index": {
        "type": "string", "format": "date",
        "description": "The day of treatment, to which a bundle's days are counted; today where left out.",
    },
}  # fmt: skip
_BUNDLE: Schema = {
    "type": "object", "required": ["resourceType", "entry"],
    "properties": {"resourceType": {"const": "Bundle"}, "entry": list_of({})},
}  # fmt: skip


def file_bodies(request: Schema, may_be_bare: bool) -> Schema:
    """The media types besides JSON in which a request's patient may come; maybe a bare bundle among them."""
    files: Schema = {
        name: {"type": "string", "contentMediaType": "application/octet-stream", "description": _SAID[name]}
        for name in FILES
    }
    said = {"description": "The request without what the files say.", **request}
    form = closed({"request": said, **files, **_OPTIONS}, optional=(*files, *_OPTIONS))
    told: Schema = {
        "multipart/form-data": {
            "schema": form, "encoding": {"request": {"contentType": "application/json"}},
        },
    }  # fmt: skip
    if may_be_bare:
        told["application/fhir+json"] = {"schema": _BUNDLE}
    return told


def query_fields(names: tuple[str, ...]) -> list[Schema]:
    """What is asked of a patient who is sent as a bare bundle, as parameters; nothing else reads them."""
    schemas: Schema = {
        "study": TEXT, "drug": TEXT, "level": LEVEL, "explain": {"enum": list(DEPTHS)},
        "options": list_of(TEXT),
    }  # fmt: skip
    told = "Of a body in application/fhir+json."
    return [
        {"name": name, "in": "query", "required": False, "schema": schemas[name], "description": told}
        for name in names
    ]

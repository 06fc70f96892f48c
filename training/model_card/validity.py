"""Whether a card's XML is valid by the schema of the Coalition for Health AI."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from features.errors import Fault

_SCHEMA = Path(__file__).parent / "chai" / "chai-applied-model-card-v0.2.xsd"


def schema_faults(xml: str) -> list[Fault]:
    """Every fault that the schema finds, with its element and line; none for a valid card."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        document = etree.fromstring(xml.encode(), parser)
    except etree.XMLSyntaxError as error:
        return [Fault("card.xml", f"is not XML: {error.msg}")]
    schema = etree.XMLSchema(etree.parse(_SCHEMA, parser))
    schema.validate(document)
    return [Fault(f"card.xml line {fault.line}", fault.message) for fault in schema.error_log]

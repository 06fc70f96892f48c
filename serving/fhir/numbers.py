"""An answer's numbers as FHIR Parameters: each exactly the number of the JSON answer.

A FHIR decimal is written as the shortest text that reads back as the same double, as JSON is here.
"""

from __future__ import annotations

from serving.fhir.frame import Frame
from serving.fhir.terms import Json, quantity

_TEXTS = ("drug", "option", "name", "outcome", "event")


def parameters(answer: Json, frame: Frame) -> Json:
    """The entry of the numbers: one `prediction`, or one for each option ranked or change simulated."""
    rows = [_row("prediction", answer)] if "ranked" not in answer else []
    rows += [_row("ranked", answer | row | {"explanation": row["explanation"]}) for row in _ranked(answer)]
    rows += [_row("simulated", {"outcome": answer["outcome"], **row}) for row in answer.get("simulated", ())]
    return frame.entry("numbers", "Parameters", {"parameter": rows})


def _ranked(answer: Json) -> list[Json]:
    rows: list[Json] = answer.get("ranked", [])
    return rows


def _row(name: str, told: Json) -> Json:
    """One prediction; what it does not have is left out, and of a declined one there is no value."""
    parts = [_named("place", "valueInteger", told["place"])] if "place" in told else []
    parts += [_named(field, "valueString", told[field]) for field in _TEXTS if field in told]
    parts.append(_named("declined", "valueBoolean", told["declined"]))
    unit = told["unit"]
    if told["value"] is not None:
        parts.append(_named("value", "valueQuantity", quantity(told["value"], unit)))
    if told["interval"] is not None:
        level = [_named("level", "valueDecimal", told["interval"]["level"])]
        parts.append({"name": "interval", "part": [*level, *_ends(told["interval"], unit)]})
    parts += [_named("possible", "valueString", one) for one in told.get("possible") or ()]
    if told.get("difference") is not None:
        value = _named("value", "valueQuantity", quantity(told["difference"]["value"], unit))
        parts.append({"name": "difference", "part": [value, *_ends(told["difference"], unit)]})
    if told.get("explanation") is not None:
        parts.append({"name": "explanation", "part": _explanation(told["explanation"])})
    return {"name": name, "part": parts}


def _ends(told: Json, unit: str) -> list[Json]:
    """The two ends; one that is unbounded or not known is left out."""
    return [
        _named(end, "valueQuantity", quantity(told[end], unit))
        for end in ("lower", "upper")
        if told[end] is not None
    ]


def _explanation(told: Json) -> list[Json]:
    """Sums by block, and feature by feature where that is told; with `base` they add up to `margin`."""
    scale = [_named("scale", "valueString", told["scale"])]
    sums = [_named(name, "valueDecimal", told[name]) for name in ("base", "margin")]
    blocks = [
        {"name": "block", "part": [_named("name", "valueString", block), _contributing(amount)]}
        for block, amount in told.get("blocks", {}).items()
    ]
    return [*scale, *sums, *blocks, *(_feature(one) for one in told.get("features", ())), *_rest(told)]


def _feature(told: Json) -> Json:
    known = [] if told["value"] is None else [_named("value", "valueDecimal", told["value"])]
    name = _named("name", "valueString", told["name"])
    return {"name": "feature", "part": [name, *known, _contributing(told["contribution"])]}


def _rest(told: Json) -> list[Json]:
    names = ("other_features", "rounded_to")
    return [_named(name, "valueDecimal", told[name]) for name in names if name in told]


def _contributing(amount: float) -> Json:
    return _named("contribution", "valueDecimal", amount)


def _named(name: str, kind: str, value: object) -> Json:
    return {"name": name, kind: value}

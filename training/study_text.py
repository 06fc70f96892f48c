"""Reading a TOML section into a frozen dataclass: unknown keys refused, all faults told together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, ClassVar, Protocol, TypeVar

from features.errors import Fault


class Dataclass(Protocol):
    """Any dataclass, as `dataclasses.fields` asks for it."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]  # Any: the fields are of different types


Section = TypeVar("Section", bound=Dataclass)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_text_lists(value: object) -> bool:
    return isinstance(value, list) and all(_is_texts(item) for item in value)


def _is_numbers(value: object) -> bool:
    return isinstance(value, list) and all(_is_number(item) for item in value)


def _is_texts_by_name(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) and item.strip() for item in value.values())


def _is_number_lists(value: object) -> bool:
    return isinstance(value, dict) and all(_is_numbers(item) for item in value.values())


def _is_tables(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, dict) for item in value.values())


def _is_calls(value: object) -> bool:
    return isinstance(value, dict) and all(_is_texts(item) for item in value.values())


_KINDS: Mapping[str, tuple[str, Callable[[object], bool], Callable]] = {
    "str": ("a text", lambda v: isinstance(v, str) and bool(v.strip()), str.strip),
    "int": ("a whole number", lambda v: _is_number(v) and isinstance(v, int), int),
    "float": ("a number", _is_number, float),
    "float | None": ("a number", _is_number, float),
    "bool": ("true or false", lambda v: isinstance(v, bool), bool),
    "tuple[str, ...]": ("a list of texts", _is_texts, tuple),
    "tuple[tuple[str, ...], ...]": (
        "a list of lists of texts",
        _is_text_lists,
        lambda v: tuple(map(tuple, v)),
    ),
    "tuple[float, ...]": ("a list of numbers", _is_numbers, lambda v: tuple(map(float, v))),
    "Mapping[str, str]": ("a table of texts", _is_texts_by_name, dict),
    "Mapping[str, tuple[float, ...]]": (
        "a table of lists of numbers",
        _is_number_lists,
        lambda v: {key: tuple(map(float, item)) for key, item in v.items()},
    ),
    "Mapping[str, tuple[str, ...]]": (
        "a table of lists of texts",
        _is_calls,
        lambda v: {key: tuple(item) for key, item in v.items()},
    ),
    "Mapping[str, Mapping[str, Any]]": ("a table of tables", _is_tables, dict),
}


def read_section(kind: type[Section], given: object, where: str, faults: list[Fault]) -> Section | None:
    """One section as `kind`; what is wrong is added to `faults`, and then there is no section."""
    if not isinstance(given, dict):
        faults.append(Fault(where, "is missing or not a table", f"write it as [{where}]"))
        return None
    before = len(faults)
    known = {field.name: field for field in fields(kind)}
    strangers = sorted(given.keys() - known.keys())
    remedy = f"use {', '.join(known)}"
    faults += [Fault(f"{where}.{key}", "is not a known key", remedy) for key in strangers]
    values = {}
    for name, field in known.items():
        if name not in given:
            if field.default is MISSING and field.default_factory is MISSING:
                faults.append(Fault(f"{where}.{name}", "is missing"))
            continue
        expected, accepts, build = _KINDS[str(field.type)]
        if accepts(given[name]):
            values[name] = build(given[name])
        else:
            faults.append(Fault(f"{where}.{name}", f"is not {expected}"))
    return kind(**values) if len(faults) == before else None


def read_sections(kind: type[Section], given: object, where: str, faults: list[Fault]) -> tuple[Section, ...]:
    """An array of tables, each as `kind`."""
    if not isinstance(given, list) or not given:
        faults.append(Fault(where, "is missing or empty", f"write at least one [[{where}]]"))
        return ()
    read = [read_section(kind, item, f"{where}[{i}]", faults) for i, item in enumerate(given)]
    return tuple(item for item in read if item is not None)

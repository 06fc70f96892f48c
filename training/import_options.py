"""What a source of an import is told: typed options, from a plan or from `key=value`, all faults together."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

from features.cohort import Cohort
from features.errors import Fault

Given = Mapping[str, object]
"""Options as they were given: TOML's values in a plan, texts on the command line."""


@dataclass(frozen=True)
class Reading:
    """The cohort of one source, and what was noticed while it was read; notes hold counts, never values."""

    cohort: Cohort
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Source(ABC):
    """One source of an import; its fields are its options, its docstring says what it is.

    A field is `Annotated` with what it means and, where there are any, what may be chosen.
    """

    @abstractmethod
    def read(self) -> Reading:
        """Everything the source says of its patients, or an error that tells all its faults."""

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """An option, what is wrong with it and what mends it, of options that are well written."""
        yield from ()


@dataclass(frozen=True)
class _Kind:
    """How an option of one type is read: from TOML's values, and from a text; None where it is none."""

    expected: str
    of_value: Callable[[object, Path], object]
    of_text: Callable[[str, Path], object]


def _text(value: object, _base: Path) -> str | None:
    return value if isinstance(value, str) and value.strip() and value.isprintable() else None


def _number(value: object, _base: Path) -> float | None:
    right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if right else None  # type: ignore[arg-type]


def _number_of_text(text: str, base: Path) -> float | None:
    try:
        return _number(float(text), base)
    except ValueError:
        return None


def _texts(value: object, base: Path) -> tuple[str, ...] | None:
    items = [_text(item, base) for item in value] if isinstance(value, list) else [_text(value, base)]
    return None if None in items or not items else tuple(str(item) for item in items)


def _map(value: object, base: Path) -> dict[str, str] | None:
    right = isinstance(value, dict) and value and all(_text(item, base) for item in value.values())
    return dict(value) if right else None  # type: ignore[call-overload]


def _map_of_text(text: str, base: Path) -> dict[str, str] | None:
    pairs = [pair.partition(":") for pair in text.split(",")]
    return _map({key: said for key, mark, said in pairs if mark}, base) if all(p[1] for p in pairs) else None


def _path(value: object, base: Path) -> Path | None:
    text = _text(value, base)
    return None if text is None else base / text


def _paths(value: object, base: Path) -> tuple[Path, ...] | None:
    found = _texts(value, base)
    return None if found is None else tuple(base / text for text in found)


def _whole(value: object, base: Path) -> int | None:
    number = _number(value, base)
    return int(number) if number is not None and number == int(number) else None


def _listed(text: str, base: Path) -> tuple[str, ...] | None:
    return _texts(text.split(","), base)


_FLAGS = {"true": True, "false": False}
_KINDS: Mapping[object, _Kind] = {
    str: _Kind("a text", _text, _text),
    int: _Kind("a whole number", _whole, lambda t, base: _whole(_number_of_text(t, base), base)),
    float: _Kind("a number", _number, _number_of_text),
    bool: _Kind("true or false", lambda v, _: v if isinstance(v, bool) else None, lambda t, _: _FLAGS.get(t)),
    tuple[str, ...]: _Kind("a list of texts", _texts, _listed),
    Mapping[str, str]: _Kind("a table of texts (key:text,key:text on the command line)", _map, _map_of_text),
    Path: _Kind("a path", _path, _path),
    tuple[Path, ...]: _Kind("a path or a list of paths", _paths, lambda t, base: _paths(t.split(","), base)),
}


@dataclass(frozen=True)
class OptionForm:
    """An option as it is told to people; a `default` of None leaves it to the reader."""

    name: str
    expected: str
    what: str
    choices: tuple[str, ...]
    is_needed: bool
    default: object
    kind: _Kind


def options_of(source: type[Source]) -> tuple[OptionForm, ...]:
    """The options of a kind of source, those that are needed first."""
    hints = get_type_hints(source, include_extras=True)
    forms = []
    for of in fields(source):
        about = get_args(hints[of.name])
        kind = _KINDS[_without_none(about[0])]
        needed = of.default is MISSING
        choices = tuple(about[2]) if len(about) > 2 else ()
        forms.append(
            OptionForm(
                of.name, kind.expected, about[1], choices, needed, None if needed else of.default, kind
            )
        )
    return tuple(sorted(forms, key=lambda form: not form.is_needed))


def read_options(
    source: type[Source], given: Given, where: str, base: Path, faults: list[Fault], as_texts: bool = False
) -> Source | None:
    """The source that the options describe, paths from `base`; None, and its faults told, if any is wrong."""
    before, known = len(faults), {form.name: form for form in options_of(source)}
    remedy = f"use {', '.join(known)}"
    strangers = sorted(given.keys() - known.keys())
    faults += [Fault(f"{where}{key[:64]}", "is not an option of this format", remedy) for key in strangers]
    values: dict[str, Any] = {}  # Any: each option is of the type of its field
    for name, form in known.items():
        if name in given:
            text = form.kind.of_text if as_texts else form.kind.of_value
            values[name] = text(given[name], base)  # type: ignore[arg-type]
            faults += _faults(form, values[name], f"{where}{name}")
        elif form.is_needed:
            faults.append(Fault(f"{where}{name}", "is missing", f"give {form.what}"))
    if len(faults) > before:
        return None
    found = source(**values)
    faults += [Fault(f"{where}{name}", what, mends) for name, what, mends in found.contradictions()]
    return found if len(faults) == before else None


def _without_none(kind: object) -> object:
    return (
        next(part for part in get_args(kind) if part is not NoneType) if isinstance(kind, UnionType) else kind
    )


def _faults(form: OptionForm, value: object, where: str) -> Iterator[Fault]:
    if value is None:
        yield Fault(where, f"is not {form.expected}", f"give {form.what}")
        return
    items = value if isinstance(value, tuple) else (value,)
    if form.choices and not set(items) <= set(form.choices):
        yield Fault(where, "is not known here", f"use {', '.join(form.choices)}")
    for item in items:
        if isinstance(item, Path) and not item.exists():
            yield Fault(where, f"'{item.name[:200]}' is not there", "paths count from the folder of the plan")

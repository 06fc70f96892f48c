"""One table of a TOML file, read name by name; every fault is gathered and none is raised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from features.errors import Fault

_Value = TypeVar("_Value")


class Section:
    """Reads each name once; `faults` fills up with what is wrong, and `close` adds names nobody asked for."""

    def __init__(self, where: str, table: Mapping[str, object], faults: list[Fault]) -> None:
        self.where = where
        self.faults = faults
        self._table = dict(table)

    def text(self, name: str, usual: str | None = "") -> str | None:
        """A text; `usual` where it is left out, and a fault where that is the empty one."""
        return self._read(name, usual, _is_text, "a text")

    def texts(self, name: str, usual: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts, or one alone; needed, and not empty, where there is no `usual`."""
        if usual is None and self._table.get(name, []) == []:
            self._table.pop(name, None)
            self.fault(name, "is not given")
            return ()
        if isinstance(self._table.get(name), str):
            self._table[name] = [self._table[name]]
        return tuple(self._read(name, usual or (), _are_texts, "a text or a list of texts"))

    def seconds(self, name: str, usual: float, most: float) -> float:
        """A number from 0 to `most`."""
        found = self._read(name, usual, lambda v: _is_number(v) and 0 <= v <= most, f"from 0 to {most:g}")  # type: ignore[operator]
        return float(found)

    def flag(self, name: str) -> bool:
        """True or false; false where it is left out."""
        return self._read(name, False, lambda v: isinstance(v, bool), "true or false")

    def table(self, name: str) -> Mapping[str, object]:
        """A table; empty where it is left out."""
        empty: Mapping[str, object] = {}
        return self._read(name, empty, lambda v: isinstance(v, dict), "a table")

    def tables(self, name: str) -> list[Mapping[str, object]]:
        """A list of tables; empty where it is left out."""
        empty: list[Mapping[str, object]] = []
        return self._read(name, empty, _are_tables, "a list of tables")

    @property
    def names(self) -> tuple[str, ...]:
        """Names that were not read yet."""
        return tuple(self._table)

    def fault(self, name: str, what: str, remedy: str = "") -> None:
        """Something else that is wrong with a name."""
        self.faults.append(Fault(f"{self.where}{name}", what, remedy))

    def close(self) -> None:
        """Tell of names that nothing is called by."""
        for name in self._table:
            self.fault(name, "is not known here")

    def _read(self, name: str, usual: _Value, holds: Callable[[object], bool], kind: str) -> _Value:
        if name not in self._table:
            if usual == "":
                self.fault(name, "is not given")
            return usual
        found = self._table.pop(name)
        if not holds(found):
            self.fault(name, f"is not {kind}")
            return usual
        return found  # type: ignore[return-value]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)

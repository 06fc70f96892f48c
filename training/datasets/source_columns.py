"""What the columns of a source are, as listed in `<source>_columns.csv` beside its loader.

A column is the patient's `id`; a `fact` known before treatment; an `outcome`; a `group` for validation; a
`text` that the loader reads itself; `left_out`, what is known only afterwards; or `unused`. What the loader
makes of a text or reads from another file is a fact `beside`. Values are written `source text => our value
| ...`, where `*` is any other text and `-` says that nothing was recorded.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from features.readers.file_faults import number_of

ANY_OTHER, NOTHING = "*", "-"
SAMPLE_PREFIX = "tumour_"
_NO = ("0", "0.0", "False", "false", "FALSE", "N", "NO")
_YES = ("1", "1.0", "True", "true", "TRUE", "Y", "YES")
_FLAGS: Mapping[str, str] = MappingProxyType(dict.fromkeys(_NO, "0") | dict.fromkeys(_YES, "1"))
_LONGEST_OFFER = 400


@dataclass(frozen=True, slots=True)
class DeclaredColumn:
    """What one column of a source is; a `needed` one must be there, `values` turn its texts into ours.

    `kind`, `label`, `unit`, `lowest`, `highest`, `block` and `gene` are those of a clinical variable.
    """

    column: str
    role: str
    name: str
    kind: str
    label: str
    unit: str
    lowest: float
    highest: float
    values: Mapping[str, str]
    block: str
    gene: str
    needed: bool

    @property
    def is_variable(self) -> bool:
        """Whether it is a clinical variable; a value of the whole tumour (`tumour_tmb`) is one of its own."""
        return self.role in ("fact", "beside") and not self.name.startswith(SAMPLE_PREFIX)

    @property
    def categories(self) -> tuple[str, ...]:
        """What a category may be, in the order listed."""
        listed = dict.fromkeys(self.values.values()) if self.kind == "category" else {}
        return tuple(value for value in listed if value != NOTHING)

    def read(self, cell: str) -> str | None:
        """Our value of a cell that is filled; None where it is not one that the column may hold."""
        if self.values:
            return self.values.get(cell, self.values.get(ANY_OTHER))
        if self.kind != "quantity":
            return cell
        number = number_of(cell)
        return None if number is None or not self.lowest <= number <= self.highest else cell

    @property
    def expected(self) -> str:
        """What the column may hold, in words."""
        if self.values == _FLAGS:
            return "0 or 1"
        if self.values:
            return f"one of {', '.join(text for text in self.values if text != ANY_OTHER)}"[:_LONGEST_OFFER]
        bounded = math.isfinite(self.lowest) and math.isfinite(self.highest)
        return f"numbers from {self.lowest:g} to {self.highest:g}" if bounded else "numbers"


@cache
def declared_columns(source: str) -> tuple[DeclaredColumn, ...]:
    """The list of a source's columns, in its own order."""
    text = Path(__file__).with_name(f"{source}_columns.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return tuple(map(_declared, csv.DictReader(lines, strict=True)))


def _declared(row: dict[str, str]) -> DeclaredColumn:
    pairs = (pair.partition(" => ")[::2] for pair in row["values"].split(" | ") if pair)
    values: Mapping[str, str] = dict(pairs)
    if row["kind"] == "flag" and not values:
        values = _FLAGS
    return DeclaredColumn(
        column=row["column"],
        role=row["role"],
        name=row["name"],
        kind=row["kind"],
        label=row["label"],
        unit=row["unit"] or "1",
        lowest=float(row["lowest"] or -math.inf),
        highest=float(row["highest"] or math.inf),
        values=MappingProxyType(dict(values)),
        block=row["block"] or "clinical",
        gene=row["gene"],
        needed=row["role"] == "id" or row["needed"] == "yes",
    )

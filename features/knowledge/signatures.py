"""Gene signatures: the published lists shipped here, and lists that a user brings as a GMT file."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from features.errors import DataError, Fault
from features.knowledge.genes import gene_names

METHODS = ("mean_log2", "geometric_mean")
SIGNATURE_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,63}")
_LARGEST_GMT = 50_000_000
_MOST_FAULTS = 100


@dataclass(frozen=True, slots=True)
class Signature:
    """A named list of approved gene symbols, its label, its `method` (of `METHODS`) and its source."""

    name: str
    label: str
    method: str
    doi: str
    genes: tuple[str, ...]


@cache
def signatures() -> Mapping[str, Signature]:
    """The shipped signatures by name."""
    text = Path(__file__).with_name("signatures.csv").read_text(encoding="utf-8")
    rows = csv.DictReader((line for line in text.splitlines() if not line.startswith("#")), strict=True)
    found = (Signature(r["name"], r["label"], r["method"], r["doi"], tuple(r["genes"].split())) for r in rows)
    return MappingProxyType({signature.name: signature for signature in found})


def read_gmt(path: Path) -> Mapping[str, Signature]:
    """A user's signatures by name: each line a name, a source, then genes, with tabs between (Broad's GMT).

    Names become lower case with `_`; withdrawn symbols and aliases become approved ones, and a gene that is
    not known is a fault. Scores are the mean of log2(TPM + 1).
    """
    faults: list[Fault] = []
    found: dict[str, Signature] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        where = f"{path.name} line {number}"
        fields = [field.strip() for field in line.split("\t")]
        signature = _from_gmt(where, fields, faults)
        if signature is not None and (signature.name in found or signature.name in signatures()):
            faults.append(Fault(where, "the name stands for another signature", "give it its own name"))
        elif signature is not None:
            found[signature.name] = signature
    if not found and not faults:
        faults.append(Fault(path.name, "no signature is listed", "give one signature a line"))
    if faults:
        raise DataError(f"{len(faults)} faults in the signatures", faults[:_MOST_FAULTS])
    return MappingProxyType(found)


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > _LARGEST_GMT:
            raise DataError("the signatures cannot be read", [Fault(path.name, "the file is too large")])
        return path.read_bytes().decode("utf-8-sig").splitlines()
    except OSError as error:
        fault = Fault(path.name, "the file cannot be read", "check that it is there")
        raise DataError("the signatures cannot be read", [fault]) from error
    except UnicodeDecodeError as error:
        fault = Fault(path.name, "the text is not UTF-8", "save it as UTF-8")
        raise DataError("the signatures cannot be read", [fault]) from error


def _from_gmt(where: str, fields: list[str], faults: list[Fault]) -> Signature | None:
    label, source, *given = [*fields, "", ""][: max(len(fields), 2)]
    name = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")
    listed = [gene for gene in given if gene]
    if not SIGNATURE_NAME.fullmatch(name) or not listed:
        faults.append(
            Fault(where, "a name and its genes are needed", "write name, source, genes, with tabs between")
        )
        return None
    named = [gene_names().name(gene).symbol for gene in listed]
    unknown = sum(symbol is None for symbol in named)
    if unknown:
        faults.append(
            Fault(where, f"{unknown} genes are not known, or ambiguous", "use approved HGNC symbols")
        )
        return None
    genes = tuple(dict.fromkeys(symbol for symbol in named if symbol is not None))
    return Signature(name, label[:200], "mean_log2", source[:200], genes)

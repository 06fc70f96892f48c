"""A panel's calls as its report spells them (Foundation Medicine, as published with IMvigor210).

A call is `amplification(7, exons 5 of 5)`, `loss(0, exons 5 of 5)`, `c.949C>T_p.Q317*(0.27,74)` (allele
fraction, depth), `c.-124C>T_p.promoter -124C>T(0.5,120)`, `rearrangement(...)` or `fusion(...)`; several
in one gene are parted by `; `. The panel's gene list says what was read, the list of samples who was.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from features.cohort import Panel
from features.errors import CohortError, Fault
from features.knowledge.consequences import kind_of_change
from features.readers.byte_stream import refuse_unless_regular
from features.readers.findings import Finding, Findings, TumourReading
from features.readers.text_table import TextTable

READS = frozenset(("mutations", "copy_number", "fusions"))
"""What a comprehensive panel looks for in its genes."""

_COPIES = re.compile(r"(amplification|loss)\((\d{1,4}), exons (\d{1,4}) of (\d{1,4})\)")
_SMALL = re.compile(r"(c\.[^()]{1,200}?)_p\.([^()]{1,200})\(([0-9.]{1,10}),(\d{1,7})\)")
_JOINED = re.compile(r"(fusion|rearrangement|truncation|duplication|inversion|deletion)\b.{0,200}")
_LARGEST_LIST = 5_000_000


@dataclass(frozen=True)
class CallColumns:
    """Which columns hold the patient, the gene, the call and, where there is one, the type of alteration."""

    patient: tuple[str, ...] = ("ANONPT_ID", "patient_id")
    gene: tuple[str, ...] = ("gene",)
    call: tuple[str, ...] = ("fmone_call", "call")
    alteration_type: tuple[str, ...] = ("alteration_type",)


def read_panel_calls(
    calls: Path,
    genes: Path,
    samples: Path,
    name: str = "FoundationOne",
    size_mb: float = math.nan,
    columns: CallColumns | None = None,
) -> TumourReading:
    """The calls of every sequenced patient as a cohort.

    `genes` lists the panel's genes, one a line; `samples` is a table whose patients were sequenced,
    with or without a call. Calls are the known and likely ones only, so leave `size_mb` unknown
    unless the table holds every variant: a burden of known variants is none.
    """
    asked = columns or CallColumns()
    panel = Panel(name, frozenset(gene_list(genes)), size_mb, READS)
    return read_calls(calls, panel, _patients(samples, asked.patient), asked)


def read_calls(
    calls: Path, panel: Panel, sequenced: Iterable[str] | None = None, columns: CallColumns | None = None
) -> TumourReading:
    """The same of a panel that is known already; without `sequenced` only who has a call is in the cohort."""
    asked = columns or CallColumns()
    with TextTable(calls) as table:
        wanted = {
            "patient": asked.patient,
            "gene": asked.gene,
            "call": asked.call,
            "alteration_type": asked.alteration_type,
        }
        places = table.places(wanted, ("patient", "gene", "call"))
        names = {meaning: table.columns[place] for meaning, place in places.items()}
        found = Findings(table.file)
        for line, row in table.rows():
            _add(found, line, names, {meaning: row[place] for meaning, place in places.items()})
        return found.reading(panel, sequenced)


def _add(found: Findings, line: int, names: Mapping[str, str], given: Mapping[str, str]) -> None:
    patient = found.patient(line, names["patient"], given["patient"])
    gene = found.gene(line, names["gene"], given["gene"])
    calls = [
        _finding(gene or "", call, given.get("alteration_type", "")) for call in given["call"].split("; ")
    ]
    if None in calls:
        remedy = "write amplification(7, exons 5 of 5), loss(0, exons 5 of 5) or c.949C>T_p.Q317*(0.27,74)"
        found.faults.at(found.file, line, names["call"], "a call whose spelling is not known here", remedy)
    elif patient is not None and gene is not None:
        for finding, text in zip(calls, given["call"].split("; "), strict=True):
            assert finding is not None
            found.add(patient, finding, text.partition("(")[0])


def _finding(gene: str, call: str, alteration_type: str) -> Finding | None:
    """One call as a finding; None when its spelling is not known."""
    small = _SMALL.fullmatch(call)
    if small:
        return _small(gene, *small.groups())
    copies = _COPIES.fullmatch(call)
    if copies:
        return _copies(gene, copies.group(1), float(copies.group(2)), alteration_type)
    joined = _JOINED.fullmatch(call)
    if joined:
        return Finding(gene, "fusion" if joined.group(1) == "fusion" else "rearrangement")
    return None


def _copies(gene: str, word: str, copies: float, alteration_type: str) -> Finding:
    """Amplification unless the report itself calls it a gain (equivocal); no copy left is a deletion."""
    if word == "amplification":
        return Finding(gene, "gain" if alteration_type == "gain" else "amplification", copies=copies)
    return Finding(gene, "deletion" if copies == 0 else "loss", copies=copies)


def _small(gene: str, coding: str, protein: str, fraction: str, depth: str) -> Finding | None:
    try:
        vaf = float(fraction)
    except ValueError:
        return None
    if not 0.0 <= vaf <= 1.0:
        return None
    if protein.startswith("promoter"):
        return Finding(gene, "promoter", coding, vaf)
    if protein.startswith("splice"):
        return Finding(gene, "splice", coding, vaf)
    change = f"p.{protein}"
    return Finding(gene, kind_of_change(change), change, vaf)


def gene_list(path: Path) -> list[str]:
    """The genes of a list, one a line."""
    refuse_unless_regular(path)
    if path.stat().st_size > _LARGEST_LIST:
        raise CohortError(
            f"{path.name} cannot be read",
            [Fault(path.name, "far too large for a list of genes", "one gene a line")],
        )
    found = Findings(path.name)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        fault = Fault(path.name, "not UTF-8 text", "save the file as UTF-8")
        raise CohortError(f"{path.name} cannot be read", [fault]) from error
    genes = [found.gene(number, "gene", line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if len(set(genes)) < len(genes) and None not in genes:
        found.faults.at(path.name, None, None, "a gene is listed more than once", "list each gene once")
    if not genes:
        found.faults.at(path.name, None, None, "no gene is listed", "list the panel's genes, one a line")
    found.faults.refuse(f"genes of {path.name}")
    return [gene for gene in genes if gene is not None]


def _patients(path: Path, names: tuple[str, ...]) -> list[str]:
    with TextTable(path) as table:
        place = table.places({"patient": names}, ("patient",))["patient"]
        found = Findings(table.file)
        patients = [found.patient(line, table.columns[place], row[place]) for line, row in table.rows()]
    found.faults.refuse(f"samples of {path.name}")
    return list(dict.fromkeys(p for p in patients if p is not None))

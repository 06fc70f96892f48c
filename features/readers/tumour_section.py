"""The tumour of a patient document: what an assay read, and what it found.

    {"assay": {"name": "FoundationOne", "genes": ["TP53", "ERBB2"], "size_mb": 1.1,
               "reads": ["mutations", "copy_number", "fusions"]},
     "variants": [{"gene": "TP53", "kind": "missense", "protein_change": "p.R175H", "vaf": 0.31},
                  {"gene": "ERBB2", "kind": "amplification", "copy_number": 12}]}

`genes` null is a whole exome or genome, `size_mb` null or left out an unknown size. A document without a
tumour says that none was sequenced, never that it is wild type; so both parts are needed, and a tumour in
which nothing was found lists no variants. Genes are taken under the names that the assay gives them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.cohort import Cohort
from features.panel import KINDS, READINGS, Panel
from features.readers.checks import LONGEST_NAME, Faults, Path, has_fields, is_number, is_text

MOST_GENES = 60_000
LONGEST_ASSAY = 200
LONGEST_CHANGE = 2_000

_PARTS = frozenset({"assay", "variants"})
_ASSAY = frozenset({"name", "genes", "reads"})
_ASSAY_ALLOWED = _ASSAY | {"size_mb"}
_VARIANT = frozenset({"gene", "kind"})
_VARIANT_ALLOWED = _VARIANT | {"protein_change", "vaf", "copy_number"}

VariantRow = tuple[str, str, str | None, float, float]


@dataclass(frozen=True)
class Tumour:
    """What an assay read of one tumour, and (gene, kind, protein change, VAF, copies) of each finding."""

    panel: Panel
    variants: list[VariantRow]


def sequenced_tumour(section: object, path: Path, faults: Faults) -> Tumour | None:
    """The section of one patient; None, and its faults added, when there is any."""
    n_faults = faults.count
    if not has_fields(section, _PARTS, _PARTS, path, faults):
        return None
    panel = _panel(section["assay"], (*path, "assay"), faults)
    entries = section["variants"]
    if type(entries) is not list:
        faults.add((*path, "variants"), "a list is needed here", "send [] where nothing was found")
        return None
    rows = (_variant(entry, panel, (*path, "variants", i), faults) for i, entry in enumerate(entries))
    found = [row for row in rows if row is not None]
    return None if panel is None or faults.count > n_faults else Tumour(panel, found)


def tumour_entry(cohort: Cohort, patient: int) -> Mapping[str, object] | None:
    """The section that reads back as this patient's tumour; None when none was sequenced."""
    name = None if cohort.sequenced is None else cohort.sequenced[patient]
    if name is None:
        return None
    panel, table = cohort.panels[name], cohort.variants
    rows = np.flatnonzero(table.patient == patient).tolist() if len(table) else []
    return {"assay": _assay_entry(panel), "variants": [_variant_entry(table.rows[row]) for row in rows]}


def _assay_entry(panel: Panel) -> dict[str, object]:
    return {
        "name": panel.name,
        "genes": None if panel.genes is None else sorted(panel.genes),
        "size_mb": _or_none(panel.size_mb),
        "reads": [reading for reading in READINGS if reading in panel.reads],
    }


def _variant_entry(row: tuple) -> dict[str, object]:
    _, gene, kind, change, vaf, copies = row
    told = {"protein_change": change, "vaf": _or_none(vaf), "copy_number": _or_none(copies)}
    return {"gene": gene, "kind": kind} | {name: value for name, value in told.items() if value is not None}


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else float(number)


def _panel(assay: object, path: Path, faults: Faults) -> Panel | None:
    if not has_fields(assay, _ASSAY, _ASSAY_ALLOWED, path, faults):
        return None
    n_faults, name, size = faults.count, assay["name"], assay.get("size_mb")
    if not (is_text(name, LONGEST_ASSAY) and name.strip()):
        faults.add((*path, "name"), "not a printable text", f"send 1 to {LONGEST_ASSAY} characters")
    if size is not None and not (is_number(size) and size > 0):
        faults.add((*path, "size_mb"), "not a size in megabases", "send a number above 0, or null")
    reads, genes = assay["reads"], assay["genes"]
    if not (type(reads) is list and reads and all(type(r) is str and r in READINGS for r in reads)):
        faults.add((*path, "reads"), "not what an assay reads", f"list some of {', '.join(READINGS)}")
    if genes is not None:
        _check_genes(genes, (*path, "genes"), faults)
    if faults.count > n_faults:
        return None
    listed: list[str] | None = genes  # type: ignore[assignment]
    read: list[str] = reads  # type: ignore[assignment]
    n_mb = math.nan if size is None else float(size)  # type: ignore[arg-type]
    return Panel(str(name), None if listed is None else frozenset(listed), n_mb, frozenset(read))


def _check_genes(genes: object, path: Path, faults: Faults) -> None:
    if type(genes) is not list or not 0 < len(genes) <= MOST_GENES:
        remedy = f"list 1 to {MOST_GENES:,} symbols, or send null for a whole exome"
        faults.add(path, "a list of genes is needed here", remedy)
        return
    seen: set[str] = set()
    for i, gene in enumerate(genes):
        if not is_gene(gene):
            faults.add((*path, i), "not a gene symbol", f"send a text of 1 to {LONGEST_NAME} characters")
        elif gene in seen:
            faults.add((*path, i), "the gene stands in the list already", "list each gene once")
        else:
            seen.add(gene)


def is_gene(value: object) -> bool:
    """Whether a value is a short printable text that can name a gene."""
    return is_text(value) and value.strip() == value


def _variant(entry: object, panel: Panel | None, path: Path, faults: Faults) -> VariantRow | None:
    if not has_fields(entry, _VARIANT, _VARIANT_ALLOWED, path, faults):
        return None
    gene, kind, change = entry["gene"], entry["kind"], entry.get("protein_change")
    n_faults = faults.count
    if not is_gene(gene):
        faults.add((*path, "gene"), "not a gene symbol", f"send a text of 1 to {LONGEST_NAME} characters")
    if type(kind) is not str or kind not in KINDS:
        faults.add((*path, "kind"), "the kind is not known here", f"use one of {', '.join(sorted(KINDS))}")
    if change is not None and not (is_text(change, LONGEST_CHANGE) and change.strip()):
        faults.add((*path, "protein_change"), "not a printable text", "send HGVS, such as 'p.V600E', or null")
    vaf = _amount(entry, "vaf", 1.0, path, faults)
    copies = _amount(entry, "copy_number", math.inf, path, faults)
    if faults.count > n_faults:
        return None
    if panel is not None and not panel.may_find(str(gene), str(kind)):
        remedy = "list the gene in the assay's 'genes', and what is read of it in 'reads'"
        faults.add(path, "a finding that the assay does not read", remedy)
        return None
    return str(gene), str(kind), None if change is None else str(change), vaf, copies


def _amount(entry: dict[str, object], name: str, high: float, path: Path, faults: Faults) -> float:
    value = entry.get(name)
    if value is None:
        return math.nan
    if not (is_number(value) and 0 <= value <= high):
        remedy = "send a fraction from 0 to 1, or null" if high == 1.0 else "send 0 or more, or null"
        faults.add((*path, name), "not a number that can be", remedy)
        return math.nan
    return float(value)

"""Germline calls, clinical facts and medications of a patient document, read into rows of their tables."""

from __future__ import annotations

import math
from collections.abc import Mapping

from features.calls import LONGEST_CALL, canonical_diplotype, canonical_snp_call, is_gene_strand_call
from features.knowledge.tables import ClinicalVariable, drugs, snps, star_allele_genes
from features.readers.checks import Faults, Path, has_fields, is_number, is_text
from features.readers.vocabulary import Vocabulary, is_within

EARLIEST_DAY = -36525
LATEST_DAY = 36525

_DIPLOTYPE = frozenset({"gene", "diplotype"})
_SNP = frozenset({"gene", "rsid", "alleles"})
_VALUE = frozenset({"value"})
_QUANTITY = frozenset({"value", "unit"})
_MAY_HAVE_DAY = {needed: needed | {"day"} for needed in (_VALUE, _QUANTITY)}
_DRUG = frozenset({"drug", "taken"})
_DRUG_ALLOWED = _DRUG | {"start_day", "stop_day"}

GenotypeRow = tuple[str, str]
Fact = tuple[float, str | None]
ClinicalRow = tuple[str, float, str | None, float]
MedicationRow = tuple[str, bool, float, float]


def genotype_rows(entries: object, path: Path, faults: Faults) -> list[GenotypeRow]:
    """(locus, call) of each entry, calls in canonical spelling."""
    if type(entries) is not list:
        faults.add(path, "a list is needed here")
        return []
    rows: dict[str, GenotypeRow] = {}
    for i, entry in enumerate(entries):
        row = _genotype_row(entry, (*path, i), faults)
        if row is not None and row[0] in rows:
            faults.add((*path, i), "this locus has a call already", "keep one call for each locus")
        elif row is not None:
            rows[row[0]] = row
    return list(rows.values())


def _genotype_row(entry: object, path: Path, faults: Faults) -> GenotypeRow | None:
    fields = _SNP if type(entry) is dict and "rsid" in entry else _DIPLOTYPE
    if not has_fields(entry, fields, fields, path, faults):
        return None
    return (_snp_row if fields is _SNP else _diplotype_row)(entry, path, faults)


def _diplotype_row(entry: dict[str, object], path: Path, faults: Faults) -> GenotypeRow | None:
    gene, text = entry["gene"], entry["diplotype"]
    genes = star_allele_genes()
    if not (is_text(gene) and gene in genes):
        faults.add((*path, "gene"), "the gene is not known here", f"use one of {', '.join(genes)}")
        return None
    call = canonical_diplotype(text) if is_text(text, LONGEST_CALL) else None
    if call is None:
        faults.add((*path, "diplotype"), "not a diplotype", "send two star alleles, such as '*1/*3'")
        return None
    return gene, call


def _snp_row(entry: dict[str, object], path: Path, faults: Faults) -> GenotypeRow | None:
    rsid, text = entry["rsid"], entry["alleles"]
    snp = snps().get(rsid) if is_text(rsid) else None
    if snp is None:
        faults.add((*path, "rsid"), "the SNP is not known here", f"use one of {', '.join(snps())}")
        return None
    if entry["gene"] != snp.gene:
        faults.add((*path, "gene"), f"{snp.rsid} does not lie in this gene", f"use {snp.gene}")
        return None
    call = canonical_snp_call(snp.rsid, text) if is_text(text) else None
    if call is None:
        wrong_strand = is_text(text) and is_gene_strand_call(snp.rsid, text)
        what = "these letters are of the gene's strand" if wrong_strand else "not two alleles of this SNP"
        example = "/".join(snp.alleles)
        faults.add((*path, "alleles"), what, f"send the forward-strand (GRCh38) alleles, {example}")
        return None
    return snp.rsid, call


def clinical_rows(entries: object, path: Path, faults: Faults, vocabulary: Vocabulary) -> list[ClinicalRow]:
    """(name, value, text, day) of each variable, quantities in their canonical unit."""
    if type(entries) is not dict:
        faults.add(path, "an object is needed here")
        return []
    rows = []
    for name, entry in entries.items():
        variable = vocabulary.clinical.get(name)
        if variable is None:
            remedy = f"use one of {vocabulary.clinical_names()}"
            faults.add((*path, name), "the variable is not known here", remedy)
            continue
        row = _clinical_row(variable, entry, (*path, name), faults, vocabulary)
        if row is not None:
            rows.append(row)
    return rows


def _clinical_row(
    variable: ClinicalVariable, entry: object, path: Path, faults: Faults, vocabulary: Vocabulary
) -> ClinicalRow | None:
    fields = _QUANTITY if variable.kind == "quantity" else _VALUE
    if not has_fields(entry, fields, _MAY_HAVE_DAY[fields], path, faults):
        return None
    day = entry.get("day", 0)
    if not (is_number(day) and EARLIEST_DAY <= day <= 0):
        remedy = "send what was known at the start of treatment: a day of 0 or before"
        faults.add((*path, "day"), "not a day up to the index date", remedy)
        return None
    if variable.kind == "quantity":
        fact = _quantity(variable, entry, path, faults, vocabulary.units[variable.name])
    else:
        fact = (_flag if variable.kind == "flag" else _category)(variable, entry, path, faults)
    return None if fact is None else (variable.name, fact[0], fact[1], float(day))


def _quantity(
    variable: ClinicalVariable,
    entry: dict[str, object],
    path: Path,
    faults: Faults,
    units: Mapping[str, float],
) -> Fact | None:
    value, unit = entry["value"], entry["unit"]
    factor = units.get(unit) if type(unit) is str else None
    if not is_number(value):
        faults.add((*path, "value"), "not a finite number", "send a JSON number")
    elif type(unit) is not str:
        faults.add((*path, "unit"), "not a text", f"send a UCUM code, such as '{variable.unit}'")
    elif factor is None:
        remedy = "use " + " or ".join(f"'{code}'" for code in units)
        faults.add((*path, "unit"), "the unit is not known here", remedy)
    elif not is_within(value * factor, variable):
        what = f"not plausible: outside {variable.low:g} to {variable.high:g} {variable.unit}"
        faults.add((*path, "value"), what, "check the value and its unit")
    else:
        return float(value) * factor, None
    return None


def _flag(variable: ClinicalVariable, entry: dict[str, object], path: Path, faults: Faults) -> Fact | None:
    if type(entry["value"]) is not bool:
        faults.add((*path, "value"), f"'{variable.name}' is a yes or no", "send true or false")
        return None
    return float(entry["value"]), None


def _category(
    variable: ClinicalVariable, entry: dict[str, object], path: Path, faults: Faults
) -> Fact | None:
    value = entry["value"]
    if type(value) is not str or value not in variable.categories:
        remedy = f"use one of {', '.join(variable.categories)}"
        faults.add((*path, "value"), "not a category known here", remedy)
        return None
    return math.nan, value


def medication_rows(entries: object, path: Path, faults: Faults) -> list[MedicationRow]:
    """(drug, taken, start, stop) of each entry."""
    if type(entries) is not list:
        faults.add(path, "a list is needed here")
        return []
    rows = (_medication_row(entry, (*path, i), faults) for i, entry in enumerate(entries))
    return [row for row in rows if row is not None]


def _medication_row(entry: object, path: Path, faults: Faults) -> MedicationRow | None:
    if not has_fields(entry, _DRUG, _DRUG_ALLOWED, path, faults):
        return None
    drug, taken = entry["drug"], entry["taken"]
    if type(drug) is not str or drug not in drugs():
        faults.add((*path, "drug"), "the drug is not known here", f"use one of {', '.join(sorted(drugs()))}")
        return None
    if type(taken) is not bool:
        faults.add((*path, "taken"), "not a yes or no", "send true or false")
        return None
    start = _open_day(entry, "start_day", path, faults)
    stop = _open_day(entry, "stop_day", path, faults)
    if stop < start:
        faults.add((*path, "stop_day"), "lies before 'start_day'", "check both days")
    return drug, taken, start, stop


def _open_day(entry: dict[str, object], name: str, path: Path, faults: Faults) -> float:
    day = entry.get(name)
    if day is None:
        return math.nan
    if not (is_number(day) and EARLIEST_DAY <= day <= LATEST_DAY):
        faults.add((*path, name), "not a day", "count days from the start of treatment, or send null")
        return math.nan
    return float(day)

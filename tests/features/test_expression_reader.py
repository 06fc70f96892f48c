"""Matrices of every kind and layout give the same cohort; a wrong scale is caught, not modelled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import CohortError
from features.knowledge.genes import Gene, gene_names, index_genes
from features.readers.expression import Declared, ExpressionReading, read_expression
from features.readers.expression_checks import REFERENCE_GENES
from tests.features.transcriptome import Array, genes, tpm, write_text

SYMBOLS = genes()
PATIENTS = ("001", "002", "003", "004")
TPM = tpm(4, SYMBOLS)
EXPECTED = np.log2(TPM + 1.0)


def by_gene(path: Path, values: Array = TPM, symbols: tuple[str, ...] = SYMBOLS) -> Path:
    return write_text(path, symbols, PATIENTS, values.T)


def gct(path: Path, version: str) -> Path:
    rows, columns = len(SYMBOLS), len(PATIENTS)
    sizes = f"{rows}\t{columns}" + ("\t1\t1" if version == "#1.3" else "")
    lines = [version, sizes, "\t".join(["Name", "Description", *PATIENTS])]
    lines += ["age\tna\t1\t2\t3\t4"] if version == "#1.3" else []
    ids = [f'{gene}\tsaid 5" long' for gene in SYMBOLS]
    lines += ["\t".join([i, *map(repr, row)]) for i, row in zip(ids, TPM.T.tolist(), strict=True)]
    path.write_text("\n".join(lines) + "\n")
    return path


def parquet(path: Path, ids: tuple[str, ...], names: tuple[str, ...], values: Array) -> Path:
    pq.write_table(pa.table({"gene_id": list(ids), **dict(zip(names, values.T, strict=True))}), path)
    return path


def h5ad(path: Path, sparse: str | None = None) -> Path:
    with h5py.File(path, "w") as file:
        for name, ids in (("obs", PATIENTS), ("var", SYMBOLS)):
            file.create_group(name).attrs["_index"] = "_index"
            file[name].create_dataset("_index", data=np.array(ids, dtype=object), dtype=h5py.string_dtype())
        if sparse is None:
            file.create_dataset("X", data=TPM, compression="gzip")
        else:
            write_sparse(file.create_group("X"), TPM if sparse == "csr_matrix" else TPM.T, sparse)
    return path


def write_sparse(group: h5py.Group, major: Array, kind: str) -> None:
    group.attrs["encoding-type"], group.attrs["shape"] = kind, TPM.shape
    filled = [np.flatnonzero(row) for row in major]
    group["indices"] = np.concatenate(filled)
    group["indptr"] = np.concatenate([[0], np.cumsum([len(f) for f in filled])])
    group["data"] = np.concatenate([row[f] for row, f in zip(major, filled, strict=True)])


WAYS: dict[str, Callable[[Path], Path]] = {
    "csv": lambda d: by_gene(d / "m.csv"),
    "tsv.gz": lambda d: by_gene(d / "m.tsv.gz"),
    "csv, patients in rows": lambda d: write_text(d / "m.csv", PATIENTS, SYMBOLS, TPM, "patient_id"),
    "gct 1.2": lambda d: gct(d / "m.gct", "#1.2"),
    "gct 1.3": lambda d: gct(d / "m.gct", "#1.3"),
    "parquet": lambda d: parquet(d / "m.parquet", SYMBOLS, PATIENTS, TPM.T),
    "parquet, patients in rows": lambda d: parquet(d / "m.parquet", PATIENTS, SYMBOLS, TPM),
    "h5ad": lambda d: h5ad(d / "m.h5ad"),
    "h5ad csr": lambda d: h5ad(d / "m.h5ad", "csr_matrix"),
    "h5ad csc": lambda d: h5ad(d / "m.h5ad", "csc_matrix"),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_kind_of_file_gives_the_same_cohort_bit_for_bit(tmp_path: Path, way: str) -> None:
    found = read_expression(WAYS[way](tmp_path), Declared("tpm"))
    assert found.patient_ids == PATIENTS
    assert found.expression.genes == SYMBOLS
    assert np.array_equal(found.expression.values, EXPECTED)
    assert found.notices == ()
    assert len(found.cohort()) == 4


@pytest.mark.parametrize(
    "scale", ["fpkm", "umi", "log2(tpm+1)", "log2(tpm+0.001)", "ln(tpm+1)", "log10(fpkm+1)"]
)
def test_every_declared_scale_ends_as_log2_of_tpm(tmp_path: Path, scale: str) -> None:
    log = {"log2": np.log2, "ln": np.log, "log10": np.log10}.get(scale.partition("(")[0])
    values = TPM if log is None else log(TPM + float(scale.rpartition("+")[2].rstrip(")")))
    found = read_expression(by_gene(tmp_path / "m.csv", values), Declared(scale))
    assert found.expression.values == pytest.approx(EXPECTED, abs=1e-6)


def test_scale_is_found_where_the_numbers_decide_it_and_said(tmp_path: Path) -> None:
    for values, scale in ((TPM, "tpm"), (EXPECTED, "log2(tpm+1)"), (np.log(TPM + 1.0), "ln(tpm+1)")):
        found = read_expression(by_gene(tmp_path / "m.csv", values))
        assert str(found.scale) == scale
        assert f"found to be {scale}" in str(found.notices[0])


def test_scale_in_doubt_must_be_declared(tmp_path: Path) -> None:
    for values in (TPM / 3.0, np.log2(TPM + 0.01), TPM[:, :300]):
        path = by_gene(tmp_path / "m.csv", values, SYMBOLS[: values.shape[1]])
        with pytest.raises(CohortError, match="do not decide the scale"):
            read_expression(path)


def test_counts_need_lengths(tmp_path: Path) -> None:
    lengths = np.random.default_rng(0).integers(200, 9_000, len(SYMBOLS)).astype(float)
    counts = TPM * lengths * 1e-3
    with pytest.raises(CohortError, match="have no length"):
        read_expression(by_gene(tmp_path / "m.csv", counts), Declared("counts"))
    by_name = dict(zip(SYMBOLS, lengths.tolist(), strict=True))
    given = read_expression(by_gene(tmp_path / "m.csv", counts), Declared("counts", lengths=by_name))
    both = np.column_stack([lengths, counts.T])
    path = write_text(tmp_path / "featurecounts.tsv", SYMBOLS, ("Length", *PATIENTS), both, "Geneid")
    path.write_text("# Program:featureCounts\n" + path.read_text())
    in_file = read_expression(path, Declared("counts"))
    assert given.expression.values == pytest.approx(EXPECTED, abs=1e-9)
    assert np.array_equal(in_file.expression.values, given.expression.values)


def test_ids_of_any_kind_give_the_same_genes(tmp_path: Path) -> None:
    known = gene_names()
    ensembl = {symbol: f"{gene_id}.7" for gene_id, symbol in known.ensembl.items()}
    entrez = {symbol: gene_id for gene_id, symbol in known.entrez.items()}
    for ids in (ensembl, entrez):
        path = write_text(tmp_path / "m.csv", tuple(ids[gene] for gene in SYMBOLS), PATIENTS, TPM.T)
        assert read_expression(path, Declared("tpm")).expression.genes == SYMBOLS


def test_withdrawn_names_and_aliases_are_resolved_and_said(tmp_path: Path) -> None:
    old = {"CCN2": "CTGF", "RFLNB": "FAM101B", "TP53": "p53"}
    path = by_gene(tmp_path / "m.csv", symbols=tuple(old.get(gene, gene) for gene in SYMBOLS))
    found = read_expression(path, Declared("tpm"))
    assert {"CCN2", "RFLNB"} <= set(found.expression.genes)
    assert any("2 withdrawn symbols were resolved: CTGF is CCN2" in str(n) for n in found.notices)


def test_header_of_patients_in_rows_follows_no_alias(tmp_path: Path) -> None:
    """`OS` is an alias of MID1, but in a table of patients it is survival."""
    assert gene_names().name("OS").symbol == "MID1"
    values = np.column_stack([TPM, np.zeros(4)])
    path = write_text(tmp_path / "m.csv", PATIENTS, (*SYMBOLS, "OS"), values, "patient_id")
    found = read_expression(path, Declared("tpm"))
    assert found.expression.genes == SYMBOLS
    assert any("in a header, were left out" in str(n) for n in found.notices)


def test_unknown_ids_are_left_out_and_counted(tmp_path: Path) -> None:
    path = by_gene(tmp_path / "m.csv", np.column_stack([TPM, np.ones((4, 2))]), (*SYMBOLS, "1-Mar", "novel"))
    found = read_expression(path, Declared("tpm"))
    assert found.expression.genes == SYMBOLS
    assert any("2 ids are not known" in str(n) for n in found.notices)


def test_rows_of_one_gene_are_added_up_as_tpm(tmp_path: Path) -> None:
    split = np.column_stack([TPM, TPM[:, [0]] * 0.5])
    split[:, 0] *= 0.5
    split[:, -1] += 1e-9  # not a copy
    path = by_gene(tmp_path / "m.csv", split, (*SYMBOLS, gene_id_of(SYMBOLS[0])))
    found = read_expression(path, Declared("tpm"))
    assert found.expression.values == pytest.approx(EXPECTED, abs=1e-6)
    assert any("1 added up as TPM" in str(n) for n in found.notices)


def gene_id_of(symbol: str) -> str:
    return next(gene_id for gene_id, found in gene_names().ensembl.items() if found == symbol)


def test_copied_row_counts_once(tmp_path: Path) -> None:
    doubled = np.column_stack([TPM, TPM[:, [5]]])
    path = by_gene(tmp_path / "m.csv", doubled, (*SYMBOLS, gene_id_of(SYMBOLS[5])))
    found = read_expression(path, Declared("tpm"))
    assert np.array_equal(found.expression.values, EXPECTED)


def test_alias_of_a_gene_with_its_own_row_is_left_out(tmp_path: Path) -> None:
    assert gene_names().name("PTPRC").how == "approved"
    alias = next(
        a for a, of in gene_names().alias.items() if of == "PTPRC" and gene_names().name(a).how == "alias"
    )
    path = by_gene(tmp_path / "m.csv", np.column_stack([TPM, np.ones(4)]), (*SYMBOLS, alias))
    found = read_expression(path, Declared("tpm"))
    assert np.array_equal(found.expression.values, EXPECTED)


def test_several_id_columns_help_each_other(tmp_path: Path) -> None:
    lines = ["gene_symbol,ensembl_id,chr," + ",".join(PATIENTS)]
    lines += [
        f"{'novel' if n == 3 else gene},{gene_id_of(gene) if n == 3 else ''},chr1," + ",".join(map(repr, row))
        for n, (gene, row) in enumerate(zip(SYMBOLS, TPM.T.tolist(), strict=True))
    ]
    (tmp_path / "m.csv").write_text("\n".join(lines) + "\n")
    assert read_expression(tmp_path / "m.csv", Declared("tpm")).expression.genes == SYMBOLS


def test_row_names_without_a_heading_as_r_writes_them(tmp_path: Path) -> None:
    path = by_gene(tmp_path / "m.tsv")
    path.write_text(path.read_text().removeprefix("gene\t"))
    assert read_expression(path, Declared("tpm")).patient_ids == PATIENTS


def test_later_names_may_be_given(tmp_path: Path) -> None:
    named = index_genes([Gene(gene, "", "", (), ()) for gene in (*SYMBOLS, "NOVEL1")])
    path = by_gene(tmp_path / "m.csv", np.column_stack([TPM, np.ones(4)]), (*SYMBOLS, "NOVEL1"))
    assert read_expression(path, Declared("tpm"), named).expression.genes[-1] == "NOVEL1"


def test_missing_number_is_not_measured(tmp_path: Path) -> None:
    values = TPM.copy()
    values[2, 7] = np.nan
    found = read_expression(by_gene(tmp_path / "m.csv", values), Declared("tpm"))
    assert np.array_equal(np.argwhere(np.isnan(found.expression.values)), [[2, 7]])


def test_reading_is_placed_among_other_patients(tmp_path: Path) -> None:
    found = read_expression(by_gene(tmp_path / "m.csv"), Declared("tpm"))
    placed = found.of(["x", "003", "001"])
    assert placed.patient.tolist() == [2, 1]
    assert np.array_equal(placed.values, EXPECTED[[0, 2]])


def refused(path: Path, declared: Declared, told: str) -> None:
    with pytest.raises(CohortError) as caught:
        read_expression(path, declared)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("values", "scale", "told"),
    [
        (TPM, "log2(tpm+1)", "as tpm the totals would be a million"),
        (EXPECTED, "tpm", "a range like that of logarithms"),
        (np.log(TPM + 1.0), "log2(tpm+1)", "as ln(tpm+1) the totals would be a million"),
        (np.log10(TPM + 1.0), "log2(tpm+1)", "as log10(tpm+1) the totals would be a million"),
        (EXPECTED, "ln(tpm+1)", "as log2(tpm+1) the totals would be a million"),
        (TPM * 1_000.0, "tpm", "a total above 1,050,000"),
        (TPM / 1_000.0, "tpm", "a total below 400,000"),
        (np.log2(TPM * 1_000.0 + 1.0), "log2(tpm+1)", "numbers too high for logarithms"),
        (EXPECTED - 5.0, "tpm", "negative numbers on a linear scale"),
        (EXPECTED - 5.0, "log2(tpm+1)", "below the logarithm of the offset"),
        (np.roll(TPM, 1, axis=1), "tpm", "or names and numbers shifted"),
        (np.roll(EXPECTED, -3, axis=1), "log2(tpm+1)", "or names and numbers shifted"),
        (np.zeros_like(TPM), "tpm", "a total below"),
        (np.full_like(TPM, np.inf), "tpm", "infinite numbers"),
        (np.full_like(TPM, np.nan), "tpm", "no number at all"),
    ],
)  # fmt: skip
def test_wrong_scale_is_refused(tmp_path: Path, values: Array, scale: str, told: str) -> None:
    refused(by_gene(tmp_path / "m.csv", values), Declared(scale), told)


def test_fpkm_of_part_of_the_genes_give_no_tpm(tmp_path: Path) -> None:
    refused(
        by_gene(tmp_path / "m.csv", TPM[:, :3_000], SYMBOLS[:3_000]),
        Declared("fpkm"),
        "fewer than 10,000 genes",
    )


def test_matrix_that_is_not_of_human_genes_is_refused(tmp_path: Path) -> None:
    mouse = tuple(f"Mm{n}" for n in range(500))
    refused(by_gene(tmp_path / "m.csv", TPM[:, :500], mouse), Declared("tpm"), "name genes by HGNC symbol")
    refused(
        by_gene(tmp_path / "m.csv", TPM[:, :500], mouse), Declared("tpm", "columns"), "of 500 genes are known"
    )


def test_declaration_that_cannot_be_used_is_refused() -> None:
    for wrong in ({"patients_in": "cells"}, {"doubtful": "keep"}, {"scale": "log7"}):
        with pytest.raises(CohortError):
            Declared(**wrong)


CORRUPTIONS: dict[str, Callable[[Array, np.random.Generator], Array]] = {
    "not logged": lambda row, _: np.exp2(row) - 1.0,
    "natural logarithm": lambda row, _: row * np.log(2.0),
    "decimal logarithm": lambda row, _: row * np.log10(2.0),
    "times 1000": lambda row, _: np.log2((np.exp2(row) - 1.0) * 1_000.0 + 1.0),
    "shifted": lambda row, rng: np.roll(row, int(rng.integers(1, 200))),
    "zero fill": lambda row, rng: np.where(rng.random(len(row)) < 0.4, 0.0, row),
}


def corrupted(reading: Array, names: tuple[str, ...], folder: Path, kind: str, seed: int) -> bool:
    """Whether one corrupt sample among sound ones is told by its place."""
    rng = np.random.default_rng(seed)
    values = reading.copy()
    place = int(rng.integers(len(values)))
    values[place] = CORRUPTIONS[kind](values[place], rng)
    path = parquet(folder / "m.parquet", names, tuple(f"p{i}" for i in range(len(values))), values.T)
    try:
        read_expression(path, Declared("log2(tpm+1)"))
    except CohortError as error:
        return any(f.where == f"m.parquet column {place + 2}" for f in error.faults)
    return False


@pytest.mark.slow
@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_gross_corruption_of_one_sample_is_told_by_its_place(tmp_path: Path, kind: str) -> None:
    caught = [corrupted(EXPECTED, SYMBOLS, tmp_path, kind, seed) for seed in range(20)]
    assert all(caught)


def test_doubtful_sample_is_left_out_when_asked_and_said(tmp_path: Path) -> None:
    values = TPM.copy()
    values[1, [SYMBOLS.index(gene) for gene in REFERENCE_GENES]] = 0.0
    values[1] *= 1e6 / values[1].sum()
    path = by_gene(tmp_path / "m.csv", values)
    refused(path, Declared("tpm"), "m.csv column 3: genes that every tumour expresses are zero")
    found = read_expression(path, Declared("tpm", doubtful="leave_out"))
    assert found.patient_ids == ("001", "003", "004")
    assert any("left out" in str(n) for n in found.notices)
    assert np.array_equal(found.expression.values, EXPECTED[[0, 2, 3]])


def test_reference_genes_that_were_not_measured_are_no_fault(tmp_path: Path) -> None:
    values = TPM.copy()
    values[1, [SYMBOLS.index(gene) for gene in REFERENCE_GENES]] = np.nan
    values[1] *= 1e6 / np.nansum(values[1])
    assert len(read_expression(by_gene(tmp_path / "m.csv", values), Declared("tpm")).patient_ids) == 4


def test_file_of_doubtful_samples_is_refused_even_then(tmp_path: Path) -> None:
    refused(by_gene(tmp_path / "m.csv", TPM * 9.0), Declared("tpm", doubtful="leave_out"), "a total above")


def test_patient_alone_is_the_patient_in_a_file_bit_for_bit(tmp_path: Path) -> None:
    def values(of: ExpressionReading) -> Array:
        return of.expression.values

    path = write_text(tmp_path / "one.csv", SYMBOLS, PATIENTS[2:3], TPM[2:3].T / 3.0)
    alone = read_expression(path, Declared("fpkm", "columns"))
    together = read_expression(by_gene(tmp_path / "m.csv", TPM / 3.0), Declared("fpkm"))
    assert np.array_equal(values(alone)[0], values(together)[2])

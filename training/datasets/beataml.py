"""BeatAML 2.0 (doi:10.1016/j.ccell.2022.07.002): leukaemias and how far 166 inhibitors kill them ex vivo.

An outcome `auc:<inhibitor>` is the area under the dose-response curve (0 to 286, lower is more sensitive),
the mean where a pair was fitted more than once. Who was not `sequenced` has unknown genes, not wild-type
ones. Cell-type scores belong to samples and reach their patients by the sample map.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from features.cohort import Cohort, Panel, Texts
from features.errors import DataError, Fault
from features.join import join
from features.readers.text_table import TextTable
from features.readers.variant_table import BEATAML, read_variant_table
from training.datasets.source_columns import declared_columns
from training.datasets.source_table import (
    Row,
    SourceRows,
    as_data_errors,
    labels,
    missing_file,
    numbers_in,
    read_source_table,
)

TABLE = "clinical.csv"
MUTATIONS = "mutations.csv"
SAMPLES = "sample_map_vg_cell_types.csv"
CURVES = "drug_auc_long.csv"
PATIENT, CENTER = "dbgap_subject_id", "centerID"
CELL_TYPES = "cell_types"
OUTCOME_PREFIX = "auc:"
_AUC_BOUNDS, _SCORE_BOUNDS = (0.0, 400.0), (-1e6, 1e6)
_NORMAL = re.compile(r"46, ?X[XY] ?\[\d+\]")


def verify(folder: Path) -> str:
    """What is wrong with the folder, or an empty text."""
    return missing_file(folder, TABLE)


def load(folder: Path) -> Cohort:
    """The patients of a folder laid out like the source's; drugs, mutations and cell types may be absent."""
    rows = read_source_table(folder / TABLE, declared_columns("beataml"))
    facts = [*_absent_findings(rows), *_karyotypes(rows), *_cell_types(folder / SAMPLES, rows.ids)]
    outcomes, groups = _curves(folder / CURVES, rows.ids), _centers(folder / SAMPLES, rows.ids)
    cohort = rows.cohort(facts, outcomes, groups)
    mutations = _mutations(folder / MUTATIONS, rows)
    with as_data_errors():
        return cohort if mutations is None else join([cohort, mutations])


def _absent_findings(rows: SourceRows) -> Iterator[Row]:
    """No fusion where a karyotype was made and none is named; no CEBPA mutation where the exome was read."""
    looked_for = {
        "gene_fusion": ("fusion", [bool(text) for text in _texts(rows, "karyotype")]),
        "cebpa_mutated": ("cebpaBi", _sequenced(rows)),
    }
    for fact, (column, looked) in looked_for.items():
        for i, (text, is_looked_for) in enumerate(zip(_texts(rows, column), looked, strict=True)):
            if column in rows.texts and is_looked_for and not text:
                yield i, fact, math.nan, "none", 0.0


def _karyotypes(rows: SourceRows) -> list[Row]:
    """Whether every metaphase is normal; a karyotype with anything else in it is not."""
    texts = enumerate(_texts(rows, "karyotype"))
    return [
        (i, "karyotype_normal", float(bool(_NORMAL.fullmatch(text))), None, 0.0) for i, text in texts if text
    ]


def _texts(rows: SourceRows, column: str) -> tuple[str, ...]:
    return rows.texts.get(column, ("",) * len(rows.ids))


def _sequenced(rows: SourceRows) -> list[bool]:
    return [text == "1" for text in _texts(rows, "sequenced")]


def _mutations(path: Path, rows: SourceRows) -> Cohort | None:
    """Findings of the cohort's sequenced patients; other patients' rows of the file are passed over."""
    if not path.is_file():
        return None
    if "sequenced" not in rows.texts:
        where, what = f"{TABLE} column 'sequenced'", f"is missing, which tells who of {MUTATIONS} was read"
        raise DataError(f"1 fault in {TABLE}", [Fault(where, what, "add it, True or False")])
    read = [patient for patient, done in zip(rows.ids, _sequenced(rows), strict=True) if done]
    with as_data_errors():
        strangers = _patients(path) - set(rows.ids)
        exome = Panel("exome", None, math.nan)
        found = read_variant_table(path, BEATAML, exome, [*read, *sorted(strangers)]).cohort
    return found.take(read)


def _patients(path: Path) -> set[str]:
    with TextTable(path, ",") as table:
        table.require((PATIENT,))
        place = table.positions((PATIENT,))[0]
        return {row[place] for _, row in table.rows()}


def _cell_types(path: Path, ids: tuple[str, ...]) -> list[Row]:
    """Each patient's scores; the mean where several samples of a patient were scored."""
    if not path.is_file():
        return []
    position = {patient: i for i, patient in enumerate(ids)}
    facts = {d.column: d.name for d in declared_columns("beataml") if d.block == CELL_TYPES}
    scores = (
        ((position[patient], name), score)
        for (patient,), numbers in numbers_in(path, tuple(facts), (PATIENT,), _SCORE_BOUNDS)
        if patient in position
        for name, score in zip(facts.values(), numbers, strict=True)
    )
    return [(i, name, mean, None, 0.0) for (i, name), mean in _means(scores)]


def _centers(path: Path, ids: tuple[str, ...]) -> dict[str, Texts]:
    """The centre of each patient's sample, as a group, where the sample map says it."""
    if not path.is_file():
        return {}
    with as_data_errors(), TextTable(path, ",") as table:
        table.require((PATIENT,))
        if CENTER not in table.columns:
            return {}
        patient, center = table.positions((PATIENT, CENTER))
        said = {row[patient]: row[center] for _, row in table.rows() if row[center]}
    return {"center": labels(len(ids), {i: said[p] for i, p in enumerate(ids) if p in said})}


def _curves(path: Path, ids: tuple[str, ...]) -> list[Row]:
    if not path.is_file():
        return []
    position = {patient: i for i, patient in enumerate(ids)}
    fits = (
        ((position[patient], OUTCOME_PREFIX + drug), auc)
        for (patient, drug), (auc,) in numbers_in(path, ("auc",), (PATIENT, "inhibitor"), _AUC_BOUNDS)
        if patient in position
    )
    return [(i, name, mean, math.nan) for (i, name), mean in _means(fits)]


def _means(pairs: Iterable[tuple[tuple[int, str], float]]) -> Iterator[tuple[tuple[int, str], float]]:
    """The mean of the numbers under each key, whatever their order; NaN is none."""
    found: dict[tuple[int, str], list[float]] = {}
    for key, number in pairs:
        if not math.isnan(number):
            found.setdefault(key, []).append(number)
    for key, numbers in found.items():
        yield key, math.fsum(numbers) / len(numbers)

"""Polygenic scores from a PLINK file set (.bed, .bim, .fam) and a published table of weights.

Nothing is fitted to the patients: a genotype that is missing takes the frequency that the table
publishes, and where it publishes none the patient has no score.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bed_reader import open_bed
from numpy.typing import NDArray

from features.cohort import Clinical, Cohort, Numbers
from features.errors import CohortError, Fault
from features.readers.byte_stream import refuse_unless_regular
from features.readers.checks import is_text
from features.readers.document import LONGEST_ID
from features.readers.facts import Imported
from features.readers.file_faults import FileFaults, number_of
from features.readers.text_table import TextTable

WEIGHT_COLUMNS = ("variant", "effect_allele", "other_allele", "weight")
FREQUENCY = "effect_allele_frequency"
MOST_WEIGHTS = 20_000_000

_MAGIC = b"\x6c\x1b\x01"
_LONGEST_LINE = 10_000
_AT_ONCE = 20_000_000


@dataclass(frozen=True)
class PolygenicScores:
    """Each patient's sum of weight times copies of the effect allele; NaN where a genotype is missing.

    `n_read` of the `n_asked` variants of the table were there with the same two alleles.
    """

    patient_ids: tuple[str, ...]
    scores: Numbers
    n_asked: int
    n_read: int
    unread: Mapping[str, int]

    def imported(self, name: str) -> Imported:
        """The scores as a clinical variable of this name (unit 1, day 0)."""
        rows = [(i, name, s, None, 0.0) for i, s in enumerate(self.scores.tolist()) if not math.isnan(s)]
        return Imported(Cohort(self.patient_ids, clinical=Clinical.from_rows(rows)), dict(self.unread))


@dataclass(frozen=True, slots=True)
class _Weight:
    effect: str
    other: str
    weight: float
    frequency: float


def read_polygenic_scores(bed: Path, weights: Path, least_share: float = 0.9) -> PolygenicScores:
    """The scores of a .bed's patients by a table of weights (`WEIGHT_COLUMNS`, and `FREQUENCY` if known).

    `variant` is named as in the .bim. Refused when fewer than `least_share` of the table's variants are
    there: a score of half its variants is another score.
    """
    table = _weights(weights)
    patient_ids = _patients(bed.with_suffix(".fam"))
    columns, n_variants, unread = _matched(bed.with_suffix(".bim"), table)
    _check_bed(bed, len(patient_ids), n_variants)
    if len(columns) < least_share * len(table):
        what = (
            f"{len(columns):,} of the {len(table):,} variants of {weights.name} are there with their alleles"
        )
        raise _refusal(bed.name, what, "use the array or imputation that the score was made for")
    scores = np.zeros(len(patient_ids))
    for position, copies in _genotypes(bed, len(patient_ids), n_variants, [c for c, _, _ in columns]):
        _, weight, counts_effect = columns[position]
        effect = copies if counts_effect else 2.0 - copies
        scores += weight.weight * np.where(np.isnan(effect), 2.0 * weight.frequency, effect)
    missing = int(np.isnan(scores).sum())
    if missing:
        unread["patients with a missing genotype whose frequency the table does not give"] = missing
    return PolygenicScores(patient_ids, scores, len(table), len(columns), dict(unread))


def _weights(path: Path) -> dict[str, _Weight]:
    faults, found = FileFaults(), dict[str, _Weight]()
    with TextTable(path, "\t" if path.suffix.lower() in (".tsv", ".tab", ".txt") else ",") as table:
        table.require(WEIGHT_COLUMNS, (*WEIGHT_COLUMNS, FREQUENCY))
        has_frequency = FREQUENCY in table.columns
        places = table.positions((*WEIGHT_COLUMNS, FREQUENCY) if has_frequency else WEIGHT_COLUMNS)
        for line, fields in table.rows():
            variant, effect, other, weight, *rest = (fields[i] for i in places)
            number, frequency = number_of(weight), number_of(rest[0]) if rest and rest[0] else math.nan
            if variant in found:
                faults.at(path.name, line, "variant", "the variant is repeated", "keep one weight")
            elif number is None:
                faults.at(path.name, line, "weight", "not a finite number", "write a number")
            elif frequency is None or frequency < 0 or frequency > 1:
                faults.at(path.name, line, FREQUENCY, "not between 0 and 1", "write a share")
            elif not (variant and effect.isalpha() and other.isalpha() and effect != other):
                faults.at(path.name, line, None, "not a variant with two alleles", "write their letters")
            elif len(found) >= MOST_WEIGHTS:
                raise _refusal(path.name, f"more than {MOST_WEIGHTS:,} variants", "split the score")
            else:
                found[variant] = _Weight(effect.upper(), other.upper(), number, frequency)
    faults.refuse(path.name)
    if not found:
        raise _refusal(path.name, "it holds no weight", "give the published table")
    return found


def _patients(path: Path) -> tuple[str, ...]:
    ids = tuple(fields[1] for _, fields in _rows(path))
    faults = []
    if len(set(ids)) < len(ids):
        faults.append(
            Fault(path.name, f"{len(ids) - len(set(ids))} individuals' ids are repeated", "rename them")
        )
    if not all(is_text(name, LONGEST_ID) for name in ids):
        faults.append(Fault(path.name, "an individual's id is over-long or not printable", "rename it"))
    if faults or not ids:
        raise CohortError(f"{path.name} cannot be read", faults or [Fault(path.name, "it names nobody")])
    return ids


def _matched(
    path: Path, table: Mapping[str, _Weight]
) -> tuple[list[tuple[int, _Weight, bool]], int, Counter[str]]:
    """Columns of the .bed with a weight, and whether their first allele is the effect's; of how many."""
    found: dict[str, tuple[int, _Weight, bool]] = {}
    unread: Counter[str] = Counter()
    n_variants = 0
    for line, fields in _rows(path):
        n_variants += 1
        weight = table.get(fields[1])
        if weight is None:
            continue
        letters = (fields[4].upper(), fields[5].upper())
        if fields[1] in found:
            raise _refusal(f"{path.name} line {line}", "a variant of the score is repeated", "keep one")
        if letters == (weight.effect, weight.other) or letters == (weight.other, weight.effect):
            found[fields[1]] = (n_variants - 1, weight, letters[0] == weight.effect)
        else:
            unread["variants with other alleles than the table's"] += 1
    unread["variants that are not there"] = len(table) - len(found) - sum(unread.values())
    return list(found.values()), n_variants, Counter({k: n for k, n in unread.items() if n})


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The six fields of each line of a .fam or .bim."""
    refuse_unless_regular(path)
    with path.open("rb") as file:
        line = 0
        while raw := file.readline(_LONGEST_LINE):
            line += 1
            where = f"{path.name} line {line}"
            try:
                fields = raw.decode("utf-8").split()
            except UnicodeDecodeError:
                raise _refusal(where, "not UTF-8 text", "save the file as UTF-8") from None
            if len(fields) != 6 or b"\0" in raw:
                raise _refusal(where, "not the six fields of a PLINK file", "check that the file is whole")
            if not raw.endswith(b"\n"):
                raise _refusal(where, "over-long, or cut off before its end", "check that the file is whole")
            yield line, fields


def _check_bed(path: Path, n_patients: int, n_variants: int) -> None:
    refuse_unless_regular(path)
    with path.open("rb") as file:
        magic = file.read(3)
    if magic != _MAGIC:
        raise _refusal(path.name, "not a variant-major PLINK .bed", "write it with plink --make-bed")
    expected, size = 3 + n_variants * ((n_patients + 3) // 4), path.stat().st_size
    if size != expected:
        what = f"{size:,} bytes where .bim and .fam ask for {expected:,}"
        raise _refusal(path.name, what, "give the three files of one set, whole")


def _genotypes(
    path: Path, n_patients: int, n_variants: int, columns: list[int]
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Each asked column's place in `columns` and the copies of its first allele, NaN where missing."""
    step = max(1, _AT_ONCE // max(1, n_patients))
    with open_bed(path, iid_count=n_patients, sid_count=n_variants, properties={}, num_threads=1) as bed:
        for start in range(0, len(columns), step):
            block = bed.read(index=np.s_[:, columns[start : start + step]], dtype="float64")
            for offset in range(block.shape[1]):
                yield start + offset, block[:, offset]


def _refusal(where: str, what: str, remedy: str) -> CohortError:
    return CohortError(f"{where.split(' line ')[0]} cannot be read", [Fault(where, what, remedy)])

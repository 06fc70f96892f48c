"""The one door to htslib (through cyvcf2): records of a VCF, by stretch where an index lies beside it.

What is opened here was checked to be whole before; htslib alone passes over what is damaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import cyvcf2
from numpy.typing import NDArray

from features.errors import CohortError, Fault
from features.readers import tabix
from features.readers.vcf_header import chromosome

Variant: TypeAlias = cyvcf2.Variant


def variants(path: Path, wanted: list[tuple[str, int, int]] | None) -> Iterator[Variant]:
    """Every record, or those that touch the wanted stretches (chromosome, first, last base)."""
    index = tabix.index_of(path)
    reader = _opened(path)
    try:
        if wanted is None or index is None:
            yield from _guarded(path, reader)
            return
        contigs = tabix.check_stretches(path, index, wanted, chromosome)
        for number, first, last in wanted:
            for contig in (name for name in contigs if chromosome(name) == number):
                yield from _guarded(path, reader(f"{contig}:{first}-{last}"))
    finally:
        reader.close()


def _opened(path: Path) -> cyvcf2.VCF:
    try:
        return cyvcf2.VCF(str(path.resolve()))
    except Exception as error:
        raise _refusal(path.name, "htslib cannot read its head", "check it with bcftools view") from error


def _guarded(path: Path, records: Iterable[Variant]) -> Iterator[Variant]:
    """The records, htslib's bare exceptions turned into ours."""
    walk = iter(records)
    while True:
        try:
            record = next(walk)
        except StopIteration:
            return
        except Exception as error:
            what = "htslib cannot read one of its records"
            raise _refusal(path.name, what, "check it with bcftools view") from error
        yield record


def sample_field(variant: Variant, name: str) -> NDArray | None:
    """A FORMAT field of every sample, or None where the record lacks it."""
    return variant.format(name) if name in variant.FORMAT else None


def _refusal(file: str, what: str, remedy: str) -> CohortError:
    return CohortError(f"{file} cannot be read", [Fault(file, what, remedy)])

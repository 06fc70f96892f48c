"""Tumour sources of an import: mutations, panel calls, copies, fusions and values of the sample."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

from features.cohort import Panel
from features.panel import READINGS
from features.readers.copy_number import read_copy_number_calls, read_copy_number_matrix
from features.readers.fusions import read_fusions
from features.readers.maf import read_maf
from features.readers.panel_calls import CallColumns, read_panel_calls
from features.readers.segments import read_segments
from features.readers.tumour_values import read_tumour_values
from features.readers.variant_table import BEATAML, TRANSNEO, VariantColumns, read_variant_table
from features.tumour_sample import VALUE_NAME
from training.import_options import Reading, Source
from training.import_parts import genes_of, noted, patient_of_sample, patients_of

_LAYOUTS = {"beataml": BEATAML, "transneo": TRANSNEO}
_MEANINGS = tuple(f.name for f in fields(VariantColumns))
_CALL_MEANINGS = tuple(f.name for f in fields(CallColumns))


@dataclass(frozen=True, kw_only=True)
class _Assay(Source):
    path: Annotated[Path, "the table, CSV or TSV, plain or gzip"]
    panel: Annotated[str, "the assay's name"] = "exome"
    panel_genes: Annotated[Path | None, "the assay's genes, one a line; without, the whole exome"] = None
    panel_size_mb: Annotated[float | None, "bases that the assay reads, in Mb, for burdens"] = None
    panel_reads: Annotated[tuple[str, ...], "what it looks for in its genes", READINGS] = ("mutations",)
    sequenced: Annotated[
        Path | None, "a table whose column patient_id names everyone sequenced, with or without a finding"
    ] = None
    patient_of: Annotated[Path | None, "a table of sample and patient_id, where rows name samples"] = None

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """A size that is none."""
        if self.panel_size_mb is not None and self.panel_size_mb <= 0:
            yield "panel_size_mb", "is not above 0", "leave it out where it is not known"

    @property
    def _panel(self) -> Panel:
        size = math.nan if self.panel_size_mb is None else self.panel_size_mb
        return Panel(self.panel, genes_of(self.panel_genes), size, frozenset(self.panel_reads))


@dataclass(frozen=True, kw_only=True)
class Maf(_Assay):
    """Mutation Annotation Format, as cBioPortal and the GDC write it; only somatic rows are read."""

    def read(self) -> Reading:
        """The somatic mutations."""
        people, samples = patients_of(self.sequenced), patient_of_sample(self.patient_of)
        return noted(read_maf(self.path, self._panel, people, samples))


@dataclass(frozen=True, kw_only=True)
class VariantTable(_Assay):
    """An annotated table of small variants, one a row: BeatAML's, TransNEO's, or with declared columns."""

    layout: Annotated[str | None, "a published layout; otherwise give columns", tuple(_LAYOUTS)] = None
    columns: Annotated[Mapping[str, str] | None, f"by meaning, the column: {', '.join(_MEANINGS)}"] = None

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """Neither or both of layout and columns, and columns of no meaning."""
        yield from super().contradictions()
        if (self.layout is None) == (self.columns is None):
            yield "layout", "layout and columns say the same", "give one of them"
        elif self.columns is not None and not {"patient", "gene", "consequence"} <= set(self.columns):
            yield "columns", "lacks a meaning that is needed", "give patient, gene and consequence"
        if self.columns is not None and not set(self.columns) <= set(_MEANINGS):
            yield "columns", "has a meaning that is not known", f"use {', '.join(_MEANINGS)}"

    def read(self) -> Reading:
        """The small variants."""
        declared = {meaning: (column,) for meaning, column in (self.columns or {}).items()}
        columns = _LAYOUTS[self.layout] if self.layout else VariantColumns(**declared)
        people, samples = patients_of(self.sequenced), patient_of_sample(self.patient_of)
        return noted(read_variant_table(self.path, columns, self._panel, people, samples))


@dataclass(frozen=True, kw_only=True)
class PanelCalls(Source):
    """A panel's calls as its report spells them (Foundation Medicine), with its genes and its samples."""

    path: Annotated[Path, "the table of calls"]
    genes: Annotated[Path, "the panel's genes, one a line"]
    samples: Annotated[Path, "the table of everyone sequenced"]
    panel: Annotated[str, "the panel's name"] = "FoundationOne"
    panel_size_mb: Annotated[float | None, "bases read, in Mb, if every variant is in the table"] = None
    columns: Annotated[Mapping[str, str] | None, f"by meaning, the column: {', '.join(_CALL_MEANINGS)}"] = (
        None
    )

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """Columns of no meaning, a size that is none."""
        if self.columns is not None and not set(self.columns) <= set(_CALL_MEANINGS):
            yield "columns", "has a meaning that is not known", f"use {', '.join(_CALL_MEANINGS)}"
        if self.panel_size_mb is not None and self.panel_size_mb <= 0:
            yield "panel_size_mb", "is not above 0", "leave it out where it is not known"

    def read(self) -> Reading:
        """The calls of everyone sequenced."""
        columns = CallColumns(**{meaning: (column,) for meaning, column in (self.columns or {}).items()})
        size = math.nan if self.panel_size_mb is None else self.panel_size_mb
        return noted(read_panel_calls(self.path, self.genes, self.samples, self.panel, size, columns))


@dataclass(frozen=True, kw_only=True)
class Segments(Source):
    """Allele-specific copy-number segments (ASCAT and its kin, GRCh37): copies of genes, ploidy, LOH."""

    path: Annotated[Path, "the table of segments"]
    samples: Annotated[Path | None, "a table of purity and ploidy"] = None
    panel: Annotated[str, "the assay's name"] = "segments"

    def read(self) -> Reading:
        """Copies and zygosity of genes, and what the genome says."""
        return noted(read_segments(self.path, self.samples, name=self.panel))


@dataclass(frozen=True, kw_only=True)
class CopyNumber(Source):
    """Copy-number calls by gene: cBioPortal's matrix (-2 to 2), or a long table of calls and copies."""

    path: Annotated[Path, "the table"]
    layout: Annotated[str, "a row a gene and a column a sample, or a row a call", ("matrix", "calls")] = (
        "matrix"
    )
    panel: Annotated[str, "the assay's name"] = "copy number"
    genes: Annotated[
        tuple[str, ...] | None, "of a matrix, the genes whose copies are stated; without, all"
    ] = None
    patient_of: Annotated[Path | None, "of a matrix, a table of sample and patient_id"] = None
    sequenced: Annotated[Path | None, "of calls, a table whose column patient_id names everyone read"] = None

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """Options of the other layout."""
        strange = ("sequenced",) if self.layout == "matrix" else ("genes", "patient_of")
        for name in strange:
            if getattr(self, name) is not None:
                yield name, f"is not used with the layout {self.layout}", "leave it out"

    def read(self) -> Reading:
        """The calls."""
        if self.layout == "calls":
            stated = Panel(self.panel, None, math.nan, frozenset({"stated_copies"}))
            return noted(read_copy_number_calls(self.path, stated, patients_of(self.sequenced)))
        samples = patient_of_sample(self.patient_of)
        return noted(read_copy_number_matrix(self.path, self.panel, self.genes, samples))


@dataclass(frozen=True, kw_only=True)
class Fusions(_Assay):
    """Fusions and rearrangements: cBioPortal's structural variants, or its older fusion table."""

    panel_reads: Annotated[tuple[str, ...], "what it looks for in its genes", READINGS] = ("fusions",)

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """An assay that does not look for fusions."""
        yield from super().contradictions()
        if "fusions" not in self.panel_reads:
            yield "panel_reads", "lacks fusions", "add fusions"

    def read(self) -> Reading:
        """The joined genes."""
        people, samples = patients_of(self.sequenced), patient_of_sample(self.patient_of)
        return noted(read_fusions(self.path, self._panel, people, samples))


@dataclass(frozen=True, kw_only=True)
class TumourValues(Source):
    """Values of a whole tumour sample in columns: purity, HRD, signatures, liquid biopsies."""

    path: Annotated[Path, "the table, one row a patient"]
    patient: Annotated[str, "the column of patients"] = "patient_id"
    columns: Annotated[Mapping[str, str], "by column, the value's name, such as hrd_score"]

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """Values that have no name of their own."""
        names = list(self.columns.values())
        if len(set(names)) < len(names) or not all(map(VALUE_NAME.fullmatch, names)):
            yield "columns", "gives a value no name of its own", "use lower case letters, digits and '_'"

    def read(self) -> Reading:
        """The values, unchanged."""
        return Reading(read_tumour_values(self.path, self.patient, self.columns), ())

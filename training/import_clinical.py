"""Clinical sources of an import, expression, and cohort folders that were written before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from features.cohort import Cohort
from features.errors import CohortError, Fault, FeatureError
from features.expression_scale import Scale
from features.knowledge.genes import read_hgnc
from features.readers.clinical_table import read_clinical_table
from features.readers.code_map import read_map
from features.readers.expression import Declared, read_expression
from features.readers.fhir import read_fhir
from features.readers.folder import read_folder
from features.readers.index_date import IndexDates, read_index_dates
from features.readers.omop import ID_COLUMNS, read_omop
from features.readers.table_schema import read_schema
from features.readers.wearable import BaselineWindow, read_wearables
from training.import_options import Reading, Source
from training.import_parts import counted, files_in, lengths_of_genes, patient_of_sample

INDEX_DATES = "index_dates"
_DATES = "a table of patient_id and index_date (YYYY-MM-DD); day 0 is the start of treatment"
_STRICT = "refuse implausible quantities and unknown units; false leaves them out and counts them"


@dataclass(frozen=True, kw_only=True)
class Table(Source):
    """A clinical table as you have it, read by a schema that you declare."""

    path: Annotated[Path, "the table"]
    schema: Annotated[Path, "the TOML file that declares the columns; see table_schema.py"]
    index_dates: Annotated[Path | None, _DATES] = None
    strict: Annotated[bool, _STRICT] = True

    def read(self) -> Reading:
        """The declared facts."""
        schema = read_schema(self.schema)
        return counted(read_clinical_table(self.path, schema, _dates(self.index_dates), self.strict))


@dataclass(frozen=True, kw_only=True)
class Wearable(Source):
    """Series of a wearable (steps, heart rate, glucose), summarised over a window before treatment."""

    path: Annotated[Path, "the table of patient_id, series, value, unit and day (or time)"]
    index_dates: Annotated[Path | None, _DATES] = None
    first_day: Annotated[int, "the first day of the window, before day 0"] = -28
    fewest_days: Annotated[int, "the fewest days that must have been worn"] = 7

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """A window that holds too few days."""
        if not (-3660 <= self.first_day < 0 and 1 <= self.fewest_days <= -self.first_day):
            yield "first_day", "the window holds no such days", "such as first_day -28 and fewest_days 7"

    def read(self) -> Reading:
        """The summaries."""
        window = BaselineWindow(self.first_day, self.fewest_days)
        return counted(read_wearables(self.path, window, _dates(self.index_dates)))


@dataclass(frozen=True, kw_only=True)
class _Dated(Source):
    index_dates: Annotated[Path | None, _DATES] = None
    index_codes: Annotated[tuple[str, ...], "codes of the drug whose first use is day 0"] = ()
    map: Annotated[Path | None, "more codes, as code_map.py describes them"] = None
    strict: Annotated[bool, _STRICT] = True

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """No day 0, or two."""
        if (self.index_dates is None) == (not self._treatment):
            yield (
                INDEX_DATES,
                "day 0 is given not at all or twice",
                "give index_dates, or a drug, and one of them",
            )

    @property
    def _treatment(self) -> tuple[str, ...]:
        return self.index_codes

    @property
    def _index(self) -> IndexDates:
        found = _dates(self.index_dates)
        return IndexDates(codes=frozenset(self.index_codes)) if found is None else found


@dataclass(frozen=True, kw_only=True)
class Fhir(_Dated):
    """FHIR R4 bundles (.json) and bulk exports (.ndjson); index_codes are RxCUIs."""

    path: Annotated[tuple[Path, ...], "the files, or folders of them"]
    index_drug: Annotated[str | None, "the drug whose first use is day 0, as a word of its name"] = None

    @property
    def _treatment(self) -> tuple[str, ...]:
        return (*self.index_codes, *([self.index_drug] if self.index_drug else []))

    def read(self) -> Reading:
        """The mapped facts of every patient with a day 0."""
        index = _dates(self.index_dates) or IndexDates(
            drug=self.index_drug or "", codes=frozenset(self.index_codes)
        )
        more = [] if self.map is None else read_map(self.map)
        return counted(read_fhir(files_in(self.path, (".json", ".ndjson")), index, more, self.strict))


@dataclass(frozen=True, kw_only=True)
class Omop(_Dated):
    """A folder of OMOP CDM 5.4 tables, CSV or Parquet; index_codes are concept ids."""

    path: Annotated[Path, "the folder"]
    patient_id: Annotated[str, "the column of person that is the patient's id", ID_COLUMNS] = "person_id"

    def read(self) -> Reading:
        """The mapped facts of every person with a day 0."""
        more = [] if self.map is None else read_map(self.map)
        return counted(read_omop(self.path, self._index, more, self.patient_id, self.strict))


@dataclass(frozen=True, kw_only=True)
class ExpressionMatrix(Source):
    """An expression matrix: CSV, TSV, GCT, Parquet or .h5ad; gene ids of any kind are recognised."""

    path: Annotated[Path, "the file"]
    scale: Annotated[str | None, "counts, umi, tpm, fpkm, or such as log2(tpm+1); without, detected"] = None
    patients_in: Annotated[str | None, "where patients stand; without, detected", ("columns", "rows")] = None
    lengths: Annotated[Path | None, "a table of gene and length, which counts need"] = None
    layer: Annotated[str | None, "the layer of an .h5ad; without, X"] = None
    doubtful: Annotated[str, "what to do with samples off the scale", ("refuse", "leave_out")] = "refuse"
    hgnc: Annotated[Path | None, "a later table of gene names from HGNC"] = None
    patient_of: Annotated[Path | None, "a table of sample and patient_id, where the matrix names samples"] = (
        None
    )

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """A scale that is none."""
        try:
            Scale.parse(self.scale or "tpm")
        except (CohortError, FeatureError):
            yield (
                "scale",
                "is not known here",
                "use counts, umi, tpm, fpkm, or a logarithm such as log2(tpm+1)",
            )

    def read(self) -> Reading:
        """log2(TPM + 1) of every patient."""
        lengths = lengths_of_genes(self.lengths)
        declared = Declared(self.scale, self.patients_in, lengths, self.layer, self.doubtful)
        found = read_expression(self.path, declared, None if self.hgnc is None else read_hgnc(self.hgnc))
        notes = tuple(str(notice) for notice in found.notices)
        return Reading(
            _of_patients(found.cohort(), patient_of_sample(self.patient_of), self.path.name), notes
        )


@dataclass(frozen=True, kw_only=True)
class CohortFolder(Source):
    """A cohort folder that was written before, in whatever order its rows are."""

    path: Annotated[Path, "the folder"]

    def read(self) -> Reading:
        """All of it."""
        return Reading(read_folder(self.path), ())


def _dates(path: Path | None) -> IndexDates | None:
    return None if path is None else read_index_dates(path)


def _of_patients(cohort: Cohort, patient_of: dict[str, str] | None, file: str) -> Cohort:
    """The samples' patients, where a table names them."""
    if patient_of is None:
        return cohort
    unknown = sum(sample not in patient_of for sample in cohort.patient_ids)
    if unknown:
        fault = Fault(file, f"{unknown} samples of no known patient", "complete the list of samples")
        raise CohortError(f"{file} cannot be read", [fault])
    return replace(cohort, patient_ids=tuple(patient_of[sample] for sample in cohort.patient_ids))

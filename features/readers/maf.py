"""Mutation Annotation Format, with the columns that cBioPortal and the GDC write.

Only somatic rows are read: a `Mutation_Status` of germline, wildtype, none or LOH leaves a row out
and is noted. A comment `#sequenced_samples:` above the header (cBioPortal) names every sample that
was sequenced; without it, and without `sequenced`, only samples with a row are known to have been.

    #sequenced_samples: S-01 S-02
    Hugo_Symbol  Variant_Classification  Tumor_Sample_Barcode  HGVSp_Short  t_alt_count  t_ref_count
    BRAF         Missense_Mutation       S-01                  p.V600E      30           70

    read_maf(path, Panel("exome", None, 38.0)).cohort    # S-01 has BRAF V600E at 0.3, S-02 is wild type
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from features.cohort import Panel
from features.errors import CohortError, Fault
from features.readers.findings import TumourReading
from features.readers.text_table import TextTable
from features.readers.variant_table import VariantColumns, read_variant_table

MAF = VariantColumns(
    patient=("Tumor_Sample_Barcode",),
    gene=("Hugo_Symbol",),
    consequence=("Variant_Classification",),
    protein_change=("HGVSp_Short", "HGVSp", "Amino_Acid_Change", "Protein_Change", "amino_acid_change"),
    vaf=("t_vaf", "tumor_f", "TumorVAF"),
    alt_count=("t_alt_count", "TVarCov", "t_var_count"),
    ref_count=("t_ref_count",),
    depth=("t_depth",),
    chromosome=("Chromosome", "Chr"),
    position=("Start_Position", "Start_position"),
    reference=("Reference_Allele",),
    alternate=("Tumor_Seq_Allele2",),
    status=("Mutation_Status",),
)
"""Spellings of the GDC's MAF and of cBioPortal's, the commoner first."""

_SAMPLES = "#sequenced_samples:"


def read_maf(
    path: Path,
    panel: Panel,
    sequenced: Iterable[str] | None = None,
    patient_of: Mapping[str, str] | None = None,
) -> TumourReading:
    """The somatic mutations of a MAF (plain or gzip) as a cohort.

    `sequenced` names the patients; `patient_of` gives the patient of a sample's barcode, else the
    barcode is the patient's id.
    """
    if sequenced is None:
        sequenced = _sequenced(path, patient_of)
    return read_variant_table(path, MAF, panel, sequenced, patient_of)


def _sequenced(path: Path, patient_of: Mapping[str, str] | None) -> list[str] | None:
    with TextTable(path) as table:
        lines = [line for line in table.comments if line.startswith(_SAMPLES)]
    if not lines:
        return None
    samples = [sample for line in lines for sample in line.removeprefix(_SAMPLES).split()]
    if patient_of is None:
        return samples
    unknown = sum(sample not in patient_of for sample in samples)
    if unknown:
        what = f"{unknown} sequenced samples of no known patient"
        raise CohortError(
            f"{path.name} cannot be read", [Fault(path.name, what, "complete the list of samples")]
        )
    return [patient_of[sample] for sample in samples]

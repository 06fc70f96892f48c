"""A small sound file of every format an import reads, all of the patients 001 and 002."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from bed_reader import to_bed

from features.cohort import Clinical, Cohort
from features.readers.folder import write_folder
from tests.features.clinical_forms import coded, observation, quantity
from tests.features.test_clinical_table import FIRST, WIDE
from tests.features.test_clinical_table import HEADER as TABLE_HEADER
from tests.features.test_pharmcat import _gene
from tests.features.test_plink import WEIGHTS
from tests.features.test_tumour_files import (
    BRAF,
    CALLS_HEADER,
    ERBB2,
    MAF_HEADER,
    NPM1,
    SEGMENT_HEADER,
)
from tests.features.test_tumour_files import (
    TABLE_HEADER as VARIANT_HEADER,
)
from tests.features.test_vcf import RECORDS, _bgzip, _text
from tests.features.test_wearable import HEADER as SERIES_HEADER

VCF = _text(RECORDS.replace("0/1\n", "0/1\t0/0\n"), samples="001\t002")
PERSON = "person_id,gender_concept_id,year_of_birth,race_concept_id,person_source_value\n"
MEASUREMENT = "person_id,measurement_concept_id,measurement_date,value_as_number,unit_concept_id\n"
MATRIX = "gene,001,002\nTP53,1.5,2.25\nCD8A,2.5,3.25\nGZMA,40,50\nNOSUCHGENE,1,2\n"
TEXTS: dict[str, str] = {
    "calls.vcf": VCF,
    "diplotypes.csv": "patient_id,gene,diplotype\n001,CYP2D6,*1/*4\n002,CYP2D6,no call\n",
    "weights.csv": WEIGHTS,
    "mutations.maf": MAF_HEADER + BRAF,
    "sequenced.csv": "patient_id,site\n001,A\n002,B\n",
    "samples.csv": "sample,patient_id\n001,001\n002,002\n",
    "panel_genes.txt": "BRAF\nTP53\nERBB2\nNPM1\nEML4\nALK\n",
    "variants.csv": VARIANT_HEADER + NPM1,
    "own_variants.csv": "id,symbol,effect,change\n001,TP53,Missense_Mutation,p.R175H\n",
    "calls.csv": CALLS_HEADER + 's1,001,TP53,known_short,"c.949C>T_p.Q317*(0.27,74)"\n',
    "panel_samples.csv": "sample,ANONPT_ID\ns1,001\ns2,002\n",
    "segments.csv": SEGMENT_HEADER + ERBB2,
    "purity.csv": "sample,purity,ploidy\n001,0.6,2.1\n",
    "cna.tsv": "Hugo_Symbol\tEntrez_Gene_Id\t001\t002\nTP53\t7157\t0\t-2\nERBB2\t2064\t2\t0\n",
    "copies.csv": "patient_id,gene,call,copy_number\n001,ERBB2,amplification,12\n",
    "fusions.tsv": "Sample_Id\tSite1_Hugo_Symbol\tSite2_Hugo_Symbol\tSV_Status\n001\tEML4\tALK\tSOMATIC\n",
    "hrd.csv": "Trial.ID,HRD.sum\n001,63\n002,NA\n",
    "tumours.csv": MATRIX,
    "lengths.csv": "gene,length\nTP53,2500\nCD8A,2000\nGZMA,900\nNOSUCHGENE,800\n",
    "table.csv": TABLE_HEADER + FIRST + FIRST.replace("001", "002").replace("63", "NA"),
    "schema.toml": WIDE,
    "index_dates.csv": "patient_id,index_date\n001,2021-06-15\n002,2021-06-20\n",
    "steps.csv": SERIES_HEADER + "".join(f"001,steps,{4000 + day},1,{day}\n" for day in range(-9, 0)),
}


def write_sources(folder: Path, patient: str = "001") -> None:
    """Every file, and the folders `omop`, `fhir`, `pharmcat` and `earlier`; `patient` is the first id."""
    for name, text in TEXTS.items():
        (folder / name).write_text(text.replace("001", patient), encoding="utf-8", newline="")
    _bgzip(folder, [VCF.replace("001", patient)], "calls.vcf.gz")
    write_pharmcat(folder / "pharmcat", patient)
    write_plink(folder / "array.bed", patient)
    write_fhir(folder / "fhir", patient)
    write_omop(folder / "omop", patient)
    earlier = Cohort((patient,), clinical=Clinical.from_rows([(0, "height", 170.0, None, 0.0)]))
    write_folder(earlier, folder / "earlier")


def write_pharmcat(folder: Path, patient: str) -> None:
    """A report of each patient, in files that are not named for them."""
    folder.mkdir()
    for number, name in enumerate((patient, "002")):
        report = {"matcherMetadata": {"sampleId": name}, "genes": {"CYP2C9": _gene("CYP2C9", ("*1", "*3"))}}
        (folder / f"{number}.report.json").write_text(json.dumps(report))


def write_plink(bed: Path, patient: str) -> None:
    """A file set of three variants."""
    variants = {"sid": ["rs1", "rs2", "rs3"], "allele_1": ["A", "T", "G"], "allele_2": ["G", "C", "A"]}
    people = {"iid": [patient, "002"], "chromosome": ["1", "1", "2"], "bp_position": [10, 20, 30]}
    to_bed(bed, np.array([[0.0, 1.0, 2.0], [1.0, 2.0, 1.0]]), properties=variants | people, num_threads=1)


def bundle(*resources: dict) -> dict:
    """A FHIR bundle."""
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def person(patient: str, **changed: object) -> dict:
    """A FHIR Patient."""
    return {"resourceType": "Patient", "id": patient, "birthDate": "1950-06-16"} | changed


def weight(patient: str, **changed: object) -> dict:
    """An Observation of a body weight."""
    value = {"valueQuantity": quantity(80.5, "kg")} | changed
    return observation(patient, coded("http://loinc.org", "29463-7"), value)


def write_fhir(folder: Path, patient: str) -> None:
    """A bundle with both patients."""
    folder.mkdir()
    whole = bundle(person(patient), person("002"), weight(patient))
    (folder / "bundle.json").write_text(json.dumps(whole))


def write_omop(folder: Path, patient: str) -> None:
    """Tables of both persons."""
    folder.mkdir()
    (folder / "person.csv").write_text(PERSON + f"1,8532,1950,8527,{patient}\n2,8507,1960,8527,002\n")
    (folder / "measurement.csv").write_text(MEASUREMENT + "1,3025315,2021-06-01,80,9529\n")

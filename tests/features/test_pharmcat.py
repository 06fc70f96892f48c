"""PharmCAT's report and phenotype files: calls are taken, doubts are counted, other files refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from features.errors import CohortError
from features.readers.pharmcat import read_pharmcat


def _allele(gene: str, name: str | None) -> dict | None:
    told = {
        "gene": gene,
        "name": name,
        "function": "Normal function",
        "reference": True,
        "activityValue": "n/a",
    }
    return None if name is None else told


def _gene(
    gene: str, *calls: tuple[str | None, str | None], recommended: tuple[str, str] | None = None
) -> dict:
    """A gene report as PharmCAT writes it, but for what is not read."""

    def diplotypes(pairs: tuple) -> list[dict]:
        return [
            {"allele1": _allele(gene, one), "allele2": _allele(gene, two), "gene": gene, "phenotypes": []}
            for one, two in pairs
        ]

    return {
        "geneSymbol": gene,
        "callSource": "MATCHER" if calls else "NONE",
        "sourceDiplotypes": diplotypes(calls),
        "recommendationDiplotypes": diplotypes((recommended,) if recommended else calls),
    }


GENES = {
    "CYP2C9": _gene("CYP2C9", ("*3", "*1")),
    "CYP2D6": _gene("CYP2D6", ("*1x2", "*4")),
    "VKORC1": _gene("VKORC1", ("rs9923231 variant (T)", "rs9923231 reference (C)")),
    "DPYD": _gene(
        "DPYD",
        ("[c.1627A>G (*5) + c.85T>C (*9A)]", "c.1905+1G>A (*2A)"),
        recommended=("c.1627A>G (*5)", "c.1905+1G>A (*2A)"),
    ),
    "UGT1A1": _gene("UGT1A1", ("*1", "*80+*28"), ("*28", "*80")),
    "TPMT": _gene("TPMT", ("Unknown", "Unknown")),
    "NUDT15": _gene("NUDT15"),
    "G6PD": _gene("G6PD", ("B (reference)", None)),
    "CYP2B6": _gene("CYP2B6", ("[*8 + *9]", "*1")),
    "CYP4F2": _gene("CYP4F2", ("*1", "*3")),
}
CALLS = {
    "CYP2C9": "*1/*3",
    "CYP2D6": "*1x2/*4",
    "rs9923231": "C/T",
    "DPYD": "c.1905+1G>A (*2A)/c.1627A>G (*5)",
    "CYP4F2": "*1/*3",
}


def _write(folder: Path, document: object, name: str = "p7.report.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("name", "document"),
    [
        (
            "p7.report.json",
            {"title": "t", "pharmcatVersion": "v2.8.3", "genes": {"CPIC": GENES, "DPWG": GENES}},
        ),
        ("p7.report.json", {"title": "t", "pharmcatVersion": "3.2.0", "genes": GENES}),
        ("p7.phenotype.json", {"geneReports": {"CPIC": GENES, "DPWG": {}}}),
        ("other.phenotype.json", {"matcherMetadata": {"sampleId": "p7"}, "geneReports": GENES}),
    ],
)
def test_both_files_of_both_versions_give_the_same_calls(tmp_path: Path, name: str, document: object) -> None:
    imported = read_pharmcat([_write(tmp_path, document, name)])
    table = imported.cohort.genotypes
    assert imported.cohort.patient_ids == ("p7",)
    assert dict(zip(table.locus.tolist(), table.call.tolist(), strict=True)) == CALLS
    assert imported.unread == {
        "genotypes/UGT1A1: several diplotypes fit": 1,
        "genotypes/TPMT: no call": 1,
        "genotypes/NUDT15: no call": 1,
        "genotypes/G6PD: no call": 1,
        "genotypes/CYP2B6: alleles not known here": 1,
    }


def test_a_gene_of_one_source_alone_is_taken_from_it(tmp_path: Path) -> None:
    document = {"genes": {"DPWG": {"CYP2C9": GENES["CYP2C9"]}, "CPIC": {"CYP4F2": GENES["CYP4F2"]}}}
    assert len(read_pharmcat([_write(tmp_path, document)]).cohort.genotypes) == 2


def test_files_are_patients_and_one_patient_has_one_file(tmp_path: Path) -> None:
    paths = [_write(tmp_path, {"genes": GENES}, f"{name}.report.json") for name in ("001", "b")]
    assert read_pharmcat(paths).cohort.patient_ids == ("001", "b")
    twice = _write(tmp_path, {"genes": GENES}, "001.phenotype.json")
    with pytest.raises(CohortError, match="a file of the same patient was read before"):
        read_pharmcat([*paths, twice])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[]", "neither 'genes'"),
        ("{}", "neither 'genes'"),
        ('{"genes": []}', "neither 'genes'"),
        ('{"genes": {}}', "neither 'genes'"),
        ('{"genes": {"CPIC": {}}}', "no gene report"),
        ('{"genes": {"CPIC": {"CYP2C9": 7}}}', "'CYP2C9' is no gene report"),
        ('{"genes": {"CYP2C9": {"sourceDiplotypes": 7}}}', "'CYP2C9' is no gene report"),
        ('{"genes": {"CYP2C9": {"sourceDiplotypes": [7]}}}', "a diplotype without named alleles"),
        (
            '{"genes": {"CYP2C9": {"sourceDiplotypes": [{"allele1": 1, "allele2": 2}]}}}',
            "without named alleles",
        ),
        ('{"genes": {"CYP2C9": {"sourceDiplotypes": []}, "CYP2C9": {}}}', "repeated key"),
        ('{"genes": {"CYP2C9": {"sourceDiplotypes": [], "x": NaN}}}', "number that is none"),
        ('{"genes": {"CYP2C9": {"sourceDiplotypes": []}}', "not JSON"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_what_is_no_file_of_pharmcats_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.report.json"
    path.write_text(text)
    with pytest.raises(CohortError, match=r"a\.report\.json") as caught:
        read_pharmcat([path])
    assert said in str(caught.value) or "nested too deeply" in str(caught.value)


def test_an_unusable_patient_id_is_refused(tmp_path: Path) -> None:
    document = {"matcherMetadata": {"sampleId": "a\u0000b"}, "genes": GENES}
    with pytest.raises(CohortError, match="not a printable patient id"):
        read_pharmcat([_write(tmp_path, document)])

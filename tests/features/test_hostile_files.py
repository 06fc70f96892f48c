"""The tally of hostile and broken files: each refused by name, with a remedy, in bounds, nothing written."""

from __future__ import annotations

import gzip
import re
import shutil
import time
import tomllib
from pathlib import Path

import pytest

from features.errors import RxplainError
from tests.features.hostile_cases import (
    CANARY,
    Case,
    absent,
    bomb,
    changed,
    cut,
    edit,
    endless_line,
    external_link,
    external_storage,
    far_too_large,
    flipped,
    hdf5,
    linked,
    of,
    parquet,
    parquet_bomb,
    pipe,
    put,
    resources,
    sound,
    utf16,
    virtual,
)  # fmt: skip
from tests.features.source_files import MATRIX, TEXTS, person, weight, write_sources
from tests.house.tree import ROOT
from training.cohort_import import FORMATS, import_cohort, plan_of

TPM = {"scale": "tpm"}
LOGS = "".join(f"ENSG{i:011},{i % 13}.5\n" for i in range(141_502, 141_902))
MOST_BYTES, MOST_SECONDS = 400_000_000, 30.0

GERMLINE = {
    **of("vcf", "calls.vcf", {
        "cut off in a line": (cut(9), "cut off"),
        "without a head": (changed(lambda raw: raw[raw.index(b"chr10\t") :]), "fileformat"),
        "aligned to no build": (edit("length=133797422", "length=133797421"), "the length of neither"),
        "of a repeated sample": (edit("\t002\n", f"\t{CANARY}\n"), "repeated"),
        "naming an allele unheard of": (edit("0/1", "0/7"), "does not have"),
        "with a NUL": (edit("0/1", "0/1\0"), "NUL"),
        "that is a pipe": (pipe, "not a plain file"),
    }, {"path": "calls.vcf"}),
    **of("vcf", "calls.vcf", {
        "of another build": (sound, "disagree"),
    }, {"path": "calls.vcf", "build": "GRCh37"}),
    **of("vcf", "calls.vcf.gz", {
        "without its end block": (cut(28), "end block is missing"),
        "cut off in a block": (cut(90), "cut off|damaged|no block"),
        "with a flipped bit": (flipped(60), "damaged"),
        "of one endless line": (endless_line, "longer than"),
        "in plain gzip": (changed(lambda raw: gzip.compress(gzip.decompress(raw))), "bgzip"),
    }),
    **of("pharmcat", "pharmcat/1.report.json", {
        "of something else": (put(f'{{"a": "{CANARY}"}}'), "geneReports"),
        "of one patient twice": (edit("002", CANARY), "read before"),
        "nested without end": (put("[" * 200_000), "nested|not JSON"),
    }),
    **of("diplotypes", "diplotypes.csv", {
        "of one allele": (edit("*1/*4", CANARY), "not a diplotype"),
        "with a repeated column": (edit("gene", "patient_id"), "is repeated"),
    }),
    **of("plink", "array.bed", {
        "of another size": (cut(1), "bytes where"),
        "in another order": (edit(b"\x6c\x1b\x01", b"\x6c\x1b\x00"), "variant-major"),
    }),
    **of("plink", "array.fam", {"with a repeated id": (edit("002", CANARY), "ids are repeated")}),
    **of("plink", "weights.csv", {"with a weight of 1e400": (edit("0.5,0.25", "1e400,0.25"), "'weight'")}),
}  # fmt: skip
TUMOUR = {
    **of("maf", "mutations.maf", {
        "without its columns": (put(f"sample\tgene\n{CANARY}\tTP53\n"), "no column holds"),
        "that is a bomb": (bomb, "longer than|far more"),
        "in UTF-16": (utf16, "UTF-16"),
        "with a NUL": (edit("p.V600E", "p.\0V600E"), "NUL"),
        "with ten million columns": (put("p\t" * 10_000_000 + "\n"), "longer than"),
        "with a consequence unheard of": (edit("Missense_Mutation", CANARY), "a consequence not known"),
        "with negative counts": (edit("\t30\t", "\t-30\t"), "no number between"),
        "of an unknown sample": (edit(CANARY, f"{CANARY}-2"), "no known patient"),
        "cut off": (cut(3), "cut off"),
    }),
    **of("maf", "samples.csv", {"naming a sample twice": (edit("002,", f"{CANARY},"), "given before")}),
    **of("variant_table", "variants.csv", {
        "with a percentage": (edit("0.288", "28.8"), "between 0 and 1"),
        "of a gene that is not read": (edit("NPM1", "TP63"), "does not read"),
    }),
    **of("panel_calls", "panel_genes.txt", {
        "of no gene": (put("\n"), "no gene is listed"),
        "in latin-1": (put("TP5\xe9\n".encode("latin-1")), "not UTF-8"),
    }),
    **of("panel_calls", "calls.csv", {
        "in another spelling": (edit("c.949C>T_p.Q317*(0.27,74)", CANARY), "spelling is not known"),
    }),
    **of("segments", "segments.csv", {
        "that overlap": (edit("10,1\n", f"10,1\n{CANARY},17,2000,90000,1,1\n"), "overlap"),
        "of no chromosome": (edit(",17,", f",{CANARY},"), "no chromosome"),
    }),
    **of("copy_number", "cna.tsv", {
        "of log ratios": (edit("\t2\t0\n", "\t0.137\t0\n"), "from -2 to 2"),
        "with a repeated sample": (edit("\t002\n", f"\t{CANARY}\n"), "is repeated"),
    }),
    **of("fusions", "fusions.tsv", {"of no gene": (edit("EML4\tALK", "\t"), "no gene at either")}),
    **of("tumour_values", "hrd.csv", {
        "in words": (edit(",63", f",{CANARY}"), "no number between"),
        "of one patient twice": (edit("002,", f"{CANARY},"), "second row"),
    }),
}  # fmt: skip
EXPRESSION = {
    **of("expression", "tumours.csv", {
        "that is infinite": (edit("40,50", "1e400,50"), "infinite"),
        "in words": (edit("40,50", f"{CANARY},50"), "not a number"),
        "with a repeated patient": (edit(",002", f",{CANARY}"), "has the name of"),
        "of ten million columns": (put("gene" + ",p" * 10_000_000 + "\nTP53\n"), "more than 200,000 columns"),
        "of the gene NA": (edit("CD8A", "NA"), "no printable name"),
        "that is a spreadsheet": (put(b"PK\x03\x04" + CANARY.encode()), "zip archive or spreadsheet"),
    }),
    **of("expression", "tumours.csv", {"of negative counts": (edit("40,50", "-40,50"), "negative")},
         {"scale": "counts", "lengths": "lengths.csv"}),
    **of("expression", "tumours.csv", {
        "of logarithms called counts": (put(f"gene,{CANARY}\n{LOGS}"), "like that of logarithms"),
    }, {"scale": "umi", "patient_of": "samples.csv"}),
    **of("expression", "m.csv.gz", {
        "cut off in gzip": (put(gzip.compress(MATRIX.encode())[:-9]), "cut off"),
    }, TPM | {"path": "m.csv.gz"}),
    **of("expression", "m.gct", {
        "with wrong counts": (put(f"#1.2\n3\t1\nName\tDescription\t{CANARY}\nTP53\tx\t1\n"), "announces"),
    }, TPM | {"path": "m.gct"}),
    **of("expression", "m.h5ad", {
        "with an external link": (hdf5(external_link), "a link to another file"),
        "with external storage": (hdf5(external_storage), "stored in another file"),
        "of other files": (hdf5(virtual), "a virtual dataset"),
        "that announces too much": (hdf5(far_too_large), "of shape"),
        "that is text": (put(CANARY), "damaged"),
    }, TPM | {"path": "m.h5ad"}),
    **of("expression", "m.parquet", {
        "in Parquet cut off": (parquet({"gene": ["TP53"], CANARY: [1.0]}, lost=40), "damaged"),
        "in a Parquet bomb": (parquet_bomb, "patients by"),
        "in Parquet, as texts": (parquet({"gene": ["TP53"], "p1": [CANARY]}), "neither an id nor numbers"),
    }, TPM | {"path": "m.parquet"}),
}  # fmt: skip
CLINICAL = {
    **of("table", "table.csv", {
        "in UTF-16": (utf16, "UTF-16"),
        "with a NUL": (edit("II", "I\0I"), "NUL"),
        "with a column undeclared": (edit("Remarks", "Name"), "not known here"),
        "with a repeated id": (edit("\n002", f"\n{CANARY}"), "earlier row"),
        "with an age of 1e400": (edit(",63,", ",1e400,"), "finite"),
        "with an age of Infinity": (edit(",63,", ",Infinity,"), "not a finite number"),
        "with an age of NaN": (edit(",63,", ",NaN,"), "not a finite number"),
        "of pounds as kilograms": (edit("176,[lb_av]", "1760,kg"), "not plausible"),
        "with an endless field": (edit("II", '"' + "I" * 9_000_000), "longer than"),
    }),
    **of("table", "schema.toml", {
        "whose schema is no TOML": (put("[["), "not TOML"),
        "whose schema names no fact": (edit("clinical/age", "happiness/age"), "names no fact"),
    }),
    **of("fhir", "fhir/bundle.json", {
        "of another resource": (put(f'["{CANARY}"]'), "not a FHIR resource"),
        "with a field unheard of": (resources(person(CANARY, salary=CANARY), person("002")), "/salary"),
        "of nobody": (resources(person(CANARY), person("002"), weight("../../etc/passwd")), "of no patient"),
        "with a text for a number": (
            resources(person(CANARY), person("002"), weight(CANARY, valueQuantity={"value": CANARY})),
            "/valueQuantity/value",
        ),
        "with NaN": (edit("80.5", "NaN"), "number that is none"),
        "with 1e400": (edit("80.5", "1e400"), "number that is none"),
        "with a repeated key": (edit('"id":', '"id": "x", "id":'), "repeated key"),
    }),
    **of("omop", "omop/person", {
        "without its persons": (lambda path: absent(path.with_suffix(".csv")), "missing"),
    }),
    **of("omop", "omop/person.csv", {
        "without a column": (edit("year_of_birth", "born"), "'year_of_birth' is missing"),
    }),
    **of("omop", "omop/measurement.csv", {
        "that links elsewhere": (linked, "not a plain file"),
        "of nobody": (edit("\n1,", "\n9,"), "no row of person"),
    }),
    **of("omop", "omop/care_site.parquet", {
        "in Parquet that is none": (put(b"PAR1" + CANARY.encode()), "not a Parquet file"),
    }),
    **of("omop", "index_dates.csv", {
        "from a day that is none": (edit("2021-06-15", "2021-02-30"), "not a day"),
        "from two days": (edit("002,", f"{CANARY},"), "given before"),
    }),
    **of("wearable", "steps.csv", {
        "in another unit": (edit(",1,-9", ",km,-9"), "not a count of steps"),
        "below zero": (edit(",39", ",-39"), "not a count of steps"),
    }),
    **of("cohort", "earlier/patients.csv", {
        "with a repeated id": (put(f"patient_id\n{CANARY}\n{CANARY}\n"), "earlier patient"),
    }),
    **of("cohort", "earlier/genotypes.csv", {"with a link": (linked, "not a plain file")}),
    **of("cohort", "earlier/expression.parquet", {"with a matrix cut off": (put(b"PAR1"), "damaged")}),
    **of("cohort", "earlier/clinical.csv", {
        "in another unit": (edit(",cm", ",m"), "not the canonical unit"),
    }),
}  # fmt: skip
CASES: dict[str, Case] = GERMLINE | TUMOUR | EXPRESSION | CLINICAL

PLANS = dict(
    re.findall(
        r"^## (\w+)\n.*?```toml\n(.*?)```",
        (ROOT / "features" / "readers" / "FORMATS.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    write_sources(folder, CANARY)
    return folder


def test_the_tally_is_full() -> None:
    assert len(CASES) >= 90
    assert {case.format for case in CASES.values()} == set(FORMATS)
    assert sum(map(len, (GERMLINE, TUMOUR, EXPRESSION, CLINICAL))) == len(CASES)


def _peak() -> int:
    """The most bytes that were resident since the last reset; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    told = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(told[1]) * 1024 if told else 0


def _reset_peak() -> int:
    counter = Path("/proc/self/clear_refs")
    if counter.exists():
        counter.write_text("5")
    return _peak()


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_is_refused_by_name(name: str, sources: Path, tmp_path: Path) -> None:
    case, folder, out = CASES[name], tmp_path / "files", tmp_path / "cohort"
    shutil.copytree(sources, folder)
    case.spoil(folder / case.file)
    plan = tomllib.loads(PLANS[case.format])
    plan["sources"][0] |= case.options
    began, before = time.monotonic(), _reset_peak()
    with pytest.raises(RxplainError, match=case.says) as refused:
        import_cohort(plan_of(plan, folder), out)
    told = str(refused.value)
    assert time.monotonic() - began < MOST_SECONDS
    assert _peak() - before < MOST_BYTES
    assert Path(case.file).name in told
    assert refused.value.faults
    assert all(fault.remedy for fault in refused.value.faults)
    assert CANARY not in told
    assert "passwd" not in told
    assert str(tmp_path) not in told
    assert len(told) < 20_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files"]


def test_sound_files_of_the_same_names_are_read(sources: Path, tmp_path: Path) -> None:
    """So that a refusal is of what was spoilt; and an id that is a path makes no path."""
    for name, plan in PLANS.items():
        done = import_cohort(plan_of(tomllib.loads(plan), sources), tmp_path / name)
        assert done.n_patients in (1, 2)
    (tmp_path / "slip").mkdir()
    write_sources(tmp_path / "slip", "../../slip")
    done = import_cohort(plan_of(tomllib.loads(PLANS["maf"]), tmp_path / "slip"), tmp_path / "a" / "cohort")
    assert done.n_patients == 2
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["cohort"]
    assert set(TEXTS) <= {path.name for path in (tmp_path / "slip").iterdir()}

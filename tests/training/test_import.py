"""`rxplain import` and `rxplain check FOLDER`: plans, the short form, what is told, and nothing by halves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from features.errors import CohortError, SettingsError
from features.readers.folder import read_folder, write_folder
from features.synthetic import synthetic_cohort
from tests.features.source_files import write_sources
from tests.training.test_cli import run
from training.cohort_check import check_folder
from training.cohort_import import import_cohort, plan_of, plan_of_file, read_plan

PLAN = """
[[sources]]
format = "maf"
path = "mutations.maf"
sequenced = "sequenced.csv"

[[sources]]
format = "table"
path = "table.csv"
schema = "schema.toml"

[[sources]]
format = "expression"
path = "tumours.csv"
scale = "tpm"
"""


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    write_sources(folder)
    (folder / "plan.toml").write_text(PLAN)
    monkeypatch.setenv("COLUMNS", "200")
    return folder


def test_a_plan_becomes_a_folder_that_check_finds_whole(
    capsys: pytest.CaptureFixture[str], sources: Path, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "cohort"
    code, told, _ = run(capsys, "import", str(sources / "plan.toml"), "--out", str(out), "--json")
    document = json.loads(told)
    assert code == 0
    assert document["n_patients"] == 2
    assert document["facts"]["variants"] == 1
    assert [source["format"] for source in document["sources"]] == ["maf", "table", "expression"]
    assert any("NOSUCHGENE" in note or "not known" in note for note in document["sources"][2]["notes"])
    code, told, _ = run(capsys, "check", str(out), "--json")
    checked = json.loads(told)
    assert code == 0
    assert checked["fingerprint"] == document["fingerprint"] == read_folder(out).fingerprint()
    assert checked["facts"]["clinical/age"] == 0.5
    assert checked["features"]["clinical.age.value"] == 0.5
    assert checked["modalities"]["tumour sequencing"] == 1.0
    assert "no fault found" in run(capsys, "check", str(out))[1]


def test_the_short_form_says_the_same_as_a_plan(
    capsys: pytest.CaptureFixture[str], sources: Path, tmp_path: Path
) -> None:
    options = ["--option", f"sequenced={sources / 'sequenced.csv'}", "--option", "panel_size_mb=38"]
    asked = ["import", str(sources / "mutations.maf"), "--format", "maf", *options]
    code, told, _ = run(capsys, *asked, "--out", str(tmp_path / "short"))
    assert code == 0
    assert "2 patients" in told
    assert f"rxplain check {tmp_path / 'short'}" in told.replace("\n", "")
    entry = {"format": "maf", "path": "mutations.maf", "sequenced": "sequenced.csv", "panel_size_mb": 38}
    import_cohort(plan_of({"sources": [entry]}, sources), tmp_path / "plan")
    assert read_folder(tmp_path / "short").fingerprint() == read_folder(tmp_path / "plan").fingerprint()


@pytest.mark.parametrize(
    ("name", "path", "options"),
    [
        ("tumour_values", "hrd.csv", ["patient=Trial.ID", "columns=HRD.sum:hrd_score"]),
        (
            "vcf",
            "calls.vcf",
            ["build=GRCh38", "assume_reference=all", "genes=CYP2C9,VKORC1", "simplest=true"],
        ),
        ("wearable", "steps.csv", ["first_day=-14", "fewest_days=5"]),
        ("fhir", "fhir", ["index_dates={folder}/index_dates.csv", "strict=false"]),
    ],
)
def test_options_of_every_kind_can_be_typed(
    name: str, path: str, options: list[str], sources: Path, tmp_path: Path
) -> None:
    typed = [option.format(folder=sources) for option in options]
    done = import_cohort(plan_of_file(sources / path, name, typed), tmp_path / "cohort")
    assert done.n_patients in (1, 2)
    assert sum(done.facts.values()) > 0


def test_all_faults_of_a_plan_are_told_together(sources: Path) -> None:
    entries = [
        {"format": "vfc", "path": "calls.vcf"},
        {"format": "vcf", "path": "absent.vcf", "build": "hg18", "colour": "red"},
        {"format": "maf", "path": 7, "panel_size_mb": "38", "panel_reads": ["everything"]},
        {"format": "plink", "path": "array.bed", "name": "age", "least_share": 2, "weights": "weights.csv"},
        {"format": "fhir", "path": "fhir"},
        {"format": "expression", "path": "tumours.csv", "scale": "log7(tpm)"},
        {"format": "wearable", "path": "steps.csv", "first_day": 3},
        {"format": "variant_table", "path": "variants.csv"},
        {"format": "copy_number", "path": "cna.tsv", "sequenced": "sequenced.csv"},
    ]
    with pytest.raises(SettingsError) as refused:
        plan_of({"sources": entries, "output": "here"}, sources)
    told = str(refused.value)
    for said in (
        "output: is not a key of a plan", "sources[0].format", "'absent.vcf' is not there",
        "sources[1].build: is not known here; use GRCh37, GRCh38", "sources[1].colour", "sources[2].path",
        "sources[2].panel_size_mb: is not a number", "sources[2].panel_reads", "sources[3].name: is taken",
        "sources[3].least_share", "sources[4].index_dates: day 0", "sources[5].scale",
        "sources[6].first_day", "sources[7].layout", "sources[8].sequenced: is not used with",
    ):  # fmt: skip
        assert said in told, said
    assert all(fault.remedy for fault in refused.value.faults)


def test_faults_of_all_files_are_told_together_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], sources: Path, tmp_path: Path
) -> None:
    (sources / "mutations.maf").write_text("Hugo_Symbol\nTP53\n")
    (sources / "table.csv").write_bytes(b"ID\n\xff\xfe\n")
    code, told, error = run(capsys, "import", str(sources / "plan.toml"), "--out", str(tmp_path / "cohort"))
    assert (code, told) == (1, "")
    assert "nothing was written" in error
    assert "sources[0] (maf) mutations.maf line 1" in error
    assert "sources[1] (table) table.csv" in error
    assert [path.name for path in tmp_path.iterdir()] == ["sources"]


def test_a_folder_that_holds_anything_is_refused_before_anything_is_read(sources: Path) -> None:
    plan = read_plan(sources / "plan.toml")
    (sources / "table.csv").unlink()
    with pytest.raises(CohortError, match="not an empty folder"):
        import_cohort(plan, sources)


def test_sources_that_contradict_one_another_are_refused(sources: Path, tmp_path: Path) -> None:
    (sources / "other.csv").write_text("patient_id,gene,diplotype\n001,CYP2C9,*1/*1\n")
    entries = [{"format": "pharmcat", "path": "pharmcat"}, {"format": "diplotypes", "path": "other.csv"}]
    with pytest.raises(CohortError, match="more than one call for one patient"):
        import_cohort(plan_of({"sources": entries}, sources), tmp_path / "cohort")
    assert not (tmp_path / "cohort").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "sources: is missing"),
        ("sources = 3\n", "sources: is missing"),
        ("[[sources]\n", "is not a plan in TOML"),
        ("sources = " + "[" * 100_000, "is not a plan in TOML"),
        ("#" * 1_100_000, "far too large for a plan"),
    ],
)
def test_what_is_no_plan_is_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(SettingsError, match=says):
        read_plan(tmp_path / "plan.toml")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [([], 2), (["x.maf"], 2), (["x.maf", "--out", "y", "--option", "a=b"], 1),
     (["x.maf", "--out", "y", "--format", "maf", "--option", "panel"], 1),
     (["x.maf", "--out", "y", "--format", "mfa"], 1)],
)  # fmt: skip
def test_wrong_use_is_told(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    found, told, error = run(capsys, "import", *arguments)
    assert (found, told) == (code, "")
    assert error
    assert "Traceback" not in error


def test_formats_are_listed_for_people_and_machines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    listed = json.loads(run(capsys, "import", "--formats", "--json")[1])
    assert {"vcf", "maf", "fhir", "omop", "expression"} <= {entry["format"] for entry in listed}
    assert "assume_reference" in run(capsys, "import", "--formats")[1]


def test_check_tells_every_fault_of_a_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_folder(synthetic_cohort(20, 0), tmp_path / "cohort")
    (tmp_path / "cohort" / "panels.json").write_text("[{")
    (tmp_path / "cohort" / "genotypes.csv").write_text("patient_id,locus,call\nnobody,CYP2C9,*1/*1\n")
    code, told, error = run(capsys, "check", str(tmp_path / "cohort"))
    assert (code, told) == (1, "")
    assert "2 faults in the cohort folder" in error


def test_shares_are_those_that_were_recorded(tmp_path: Path) -> None:
    cohort = synthetic_cohort(200, 0, missing=0.3)
    write_folder(cohort, tmp_path / "cohort")
    found = check_folder(tmp_path / "cohort")
    known = sum(value == value for value in cohort.values("age").tolist())
    assert found.facts["clinical/age"] == known / 200
    assert found.features["clinical.age.value"] == known / 200
    assert found.modalities["expression"] == 0.0
    assert found.n_without > 0

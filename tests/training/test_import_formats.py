"""What features/readers/FORMATS.md says can be done is done, on small files of every format."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from features.readers.folder import read_folder
from tests.features.source_files import write_sources
from tests.house.tree import ROOT
from training.cohort_import import FORMATS, import_cohort, plan_of, plan_of_file
from training.import_options import options_of

TEXT = (ROOT / "features" / "readers" / "FORMATS.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE))
PLANS = [
    (name, plan)
    for name, text in SECTIONS.items()
    for plan in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    write_sources(folder)
    return folder


def test_every_format_has_its_section_its_options_and_a_plan() -> None:
    assert list(SECTIONS) == list(FORMATS)
    assert {name for name, _ in PLANS} == set(FORMATS)
    for name, section in SECTIONS.items():
        untold = [
            form.name for form in options_of(FORMATS[name]) if not re.search(rf"\b{form.name}\b", section)
        ]
        assert not untold, name
        assert "Refused: " in section
    assert all(3 <= len(plan.splitlines()) <= 8 for _, plan in PLANS)


@pytest.mark.parametrize(("name", "plan"), PLANS)
def test_every_plan_that_is_shown_is_run(name: str, plan: str, sources: Path, tmp_path: Path) -> None:
    done = import_cohort(plan_of(tomllib.loads(plan), sources), tmp_path / "cohort")
    cohort = read_folder(tmp_path / "cohort")
    assert [source.format for source in done.sources] == [name]
    assert set(cohort.patient_ids) <= {"001", "002"}
    assert sum(done.facts.values()) > 0
    assert cohort.fingerprint() == done.fingerprint


def test_all_plans_together_are_one_cohort(sources: Path, tmp_path: Path) -> None:
    """Every modality of the same two patients in one folder."""
    apart = {"variant_table", "panel_calls", "vcf", "pharmcat", "fhir", "omop"}
    entries = [e for n, p in PLANS for e in tomllib.loads(p)["sources"] if n not in apart]
    done = import_cohort(plan_of({"sources": entries}, sources), tmp_path / "cohort")
    cohort = read_folder(tmp_path / "cohort")
    assert cohort.patient_ids == ("001", "002")
    assert set(done.facts) == {
        "genotypes", "clinical", "medications", "outcomes", "variants", "sequenced", "expression",
    }  # fmt: skip


def test_the_command_that_is_shown_is_run(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sources)
    command = re.search(r"^rxplain import (\S+) --format (\w+) --out my_cohort (.*)$", TEXT, re.MULTILINE)
    assert command is not None
    file, name, options = command.groups()
    plan = plan_of_file(Path(file), name, [o for o in options.split() if o != "--option"])
    assert import_cohort(plan, tmp_path / "cohort").n_patients == 2

"""The four tumour studies on their real cohorts: fitted, bundled, and asked about folders without outcomes.

The cohorts lie in `RXPLAIN_DATA` (default `../shared/data`); a study whose cohort is absent is skipped.
"""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from features.cohort import Clinical, Cohort
from models import bundle
from models.card import build_card
from models.manifest import Manifest
from models.model_set import ModelSet
from models.reference import build_reference
from tests.models.conftest import EVALUATION, provenance
from training.datasets.catalog import load_folder
from training.design import build_design
from training.fit import fit_models
from training.panel import fit_panel
from training.population import select_population
from training.study import Study, load_study

pytestmark = pytest.mark.slow
DATA = Path(os.environ.get("RXPLAIN_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
AFTERWARDS = {
    "ispy2": ("ispy2.csv", {"pCR"}, ("ispy2.csv",)),
    "transneo": (
        "transneo.csv",
        {"resp.pCR", "resp.Chemosensitive", "resp.Chemoresistant"},
        ("transneo.csv",),
    ),
    "imvigor210": ("clinical.csv", {"response_label", "RECIST", "os", "censOS"}, ()),
    "beataml": (
        "clinical.csv",
        {"vital", "os", "causeOfDeath", "response"},
        ("clinical.csv", "mutations.csv", "sample_map_vg_cell_types.csv"),
    ),
}
STUDIES = ("breast-arms", "breast-neoadjuvant", "urothelial-atezolizumab", "aml-inhibitors")


def folder_without_outcomes(source: str, into: Path) -> Path:
    """The source as another hospital would lay it out: no outcomes, no drug table, columns turned round."""
    table, gone, kept = AFTERWARDS[source]
    into.mkdir(parents=True)
    for file in (DATA / source).iterdir():
        if not kept or file.name in kept:
            shutil.copyfile(file, into / file.name)
    with (DATA / source / table).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in gone and not name.startswith("RCB")][::-1]
    with (into / table).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return into


@pytest.fixture(scope="module", params=STUDIES)
def study(request: pytest.FixtureRequest) -> Study:
    """Each tumour study whose cohort is here."""
    found = load_study(request.param)
    if not (DATA / found.dataset).is_dir():
        pytest.skip(f"the cohort '{found.dataset}' is not under {DATA}; see `rxplain data list`")
    return found


@pytest.fixture(scope="module")
def cohort(study: Study) -> Cohort:
    """The study's patients."""
    return select_population(study, load_folder(study.dataset, DATA / study.dataset)).cohort


@pytest.fixture(scope="module")
def models(study: Study, cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> ModelSet:
    """The study's models, written as a bundle and loaded from it."""
    design = build_design(study, cohort)
    fitted = (fit_panel if study.panel else fit_models)(design, cohort, study)
    manifest = Manifest.of(fitted, provenance(study.name))
    reference = build_reference(design.matrix, cohort, study.outcome.name, study.model.strata)
    folder = tmp_path_factory.mktemp("bundles") / study.name
    bundle.save(fitted, folder, manifest, reference, build_card(manifest, EVALUATION))
    return bundle.load(folder).models


def test_a_folder_without_outcomes_gets_the_same_answers(
    study: Study, cohort: Cohort, models: ModelSet, tmp_path: Path
) -> None:
    asked = load_folder(study.dataset, folder_without_outcomes(study.dataset, tmp_path / "elsewhere"))
    assert len(asked.outcomes) == 0
    option = models.options[0]
    known = models.answer(cohort, explain=True, options=[option])[option]
    new = models.answer(asked.take(cohort.patient_ids), explain=True, options=[option])[option]
    np.testing.assert_array_equal(new.margin, known.margin)
    answered = ~np.isnan(new.margin)
    assert answered.mean() > 0.9
    total = new.contributions.sum(axis=1) + new.base
    np.testing.assert_allclose(total[answered], new.margin[answered], atol=1e-9)


def test_whoever_lacks_something_is_told_so_or_declined(
    study: Study, cohort: Cohort, models: ModelSet
) -> None:
    rows = [row for row in cohort.clinical.rows if row[1] == "age"]
    only_age = Cohort(cohort.patient_ids, clinical=Clinical.from_rows(rows))
    for asked in (cohort, only_age):
        option = models.options[0]
        answers = models.answer(asked, options=[option])[option]
        for i in range(len(asked)):
            said = {notice.code for notice in answers.notices[i]}
            gaps = bool(np.isnan(answers.values[i]).any())
            assert not gaps or said & {"imputed", "modality_missing", "required_missing"}
            assert answers.is_declined(i) == ("required_missing" in said)


def test_every_option_of_a_patient_is_ranked_in_one_call(cohort: Cohort, models: ModelSet) -> None:
    ranked = models.rank(models.answer(cohort.take(cohort.patient_ids[:1])), 0)
    assert [one.option for one in sorted(ranked, key=lambda one: models.options.index(one.option))] == list(
        models.options
    )
    assert len(ranked) == len(models.options)

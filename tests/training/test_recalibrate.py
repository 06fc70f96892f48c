"""A served model adapted to a site's patients: what moves, what stays, what is refused, what is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.cohort import Cohort, Outcomes
from features.errors import CohortError, RegistryError
from features.readers.folder import write_folder
from features.synthetic import synthetic_cohort
from models import bundle
from models.manifest import Manifest
from models.recalibration import SitePrior
from models.registry import Registry
from models.shelf import Shelf
from tests.training import tiny_blocks
from tests.training.conftest import TINY
from training.cli import main
from training.design import build_design
from training.fit import fit_models
from training.promotion import promote
from training.recalibrate import adapted, local_patients, prior_of, recalibrate
from training.study import Study, load_study, read_study

SHIFT = 1.2
STABLE = "stable_dose_recorded"


@pytest.fixture(scope="module")
def study() -> Study:
    """The warfarin study, tiny, of patients whose stable dose nobody noted."""
    text = load_study("warfarin").text
    for shipped, tiny in TINY.items():
        text = text.replace(shipped, tiny)
    text = text.replace(f', "{STABLE}"', "")
    return read_study(text)


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    """Those learned from."""
    return _known(synthetic_cohort(400, seed=5, sites=4))


@pytest.fixture(scope="module")
def home(study: Study, cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose champion learned from the cohort."""
    found = tmp_path_factory.mktemp("home")
    models = fit_models(build_design(study, cohort), cohort, study)
    tiny_blocks.publish(found, study, cohort, models)
    return found


def _known(drawn: Cohort) -> Cohort:
    known = ~np.isnan(drawn.values("age")) & ~np.isnan(drawn.values("weight"))
    known &= drawn.texts("sex").astype(bool)
    return drawn.take(np.array(drawn.patient_ids)[known])


def _site(n: int, shift: float, seed: int = 11) -> Cohort:
    """Patients of another site, whose root of the dose is shifted."""
    drawn = _known(synthetic_cohort(n, seed=seed, sites=1))
    moved = np.square(np.sqrt(drawn.outcome("weekly_dose")) + shift)
    rows = [(i, "weekly_dose", own, 90.0) for i, own in enumerate(moved.tolist())]
    return replace(drawn, outcomes=Outcomes.from_rows(rows))


def _folder(cohort: Cohort, folder: Path) -> Path:
    write_folder(cohort, folder)
    return folder


def test_a_shifted_site_is_found_back_and_the_bundle_proves_itself(
    home: Path, study: Study, tmp_path: Path
) -> None:
    done = recalibrate(study.name, _folder(_site(300, SHIFT), tmp_path / "site"), home, out=tmp_path / "out")
    parent, child = bundle.load(home / "bundles" / done.parent), bundle.load(done.folder, done.digest)
    others = _site(200, SHIFT, seed=12)
    moved = child.model.predict(others).margin - parent.model.predict(others).margin
    outcome = parent.model.outcome
    asked = outcome.to_margin(others.outcome("weekly_dose")) - parent.model.predict(others).margin
    assert np.nanmean(moved) == pytest.approx(np.nanmean(asked), abs=0.2)
    assert done.gain.after < 0.8 * done.gain.before
    told = child.manifest.provenance.metrics["recalibration"]
    assert told["parent_digest"] == parent.digest
    assert told["n_local"] == done.n_local > 200
    assert f"{done.n_local} patients of another site" in child.card_markdown
    assert done.version is None


def test_contributions_still_add_up_and_the_reloaded_bundle_has_the_same_bits(
    home: Path, study: Study, tmp_path: Path
) -> None:
    site = _site(60, SHIFT)
    done = recalibrate(study.name, _folder(site, tmp_path / "site"), home, out=tmp_path / "out")
    parent, child = bundle.load(home / "bundles" / done.parent), bundle.load(done.folder)
    _, fresh = adapted(parent.models, local_patients(parent, study, site), done.prior)
    answers, again = fresh.model.explain(site), child.model.explain(site)
    off = np.abs(answers.contributions.sum(axis=1) + answers.base - answers.margin)
    assert np.nanmax(off) < 1e-9
    for name in ("margin", "value", "lower", "upper", "contributions", "base"):
        assert getattr(answers, name).tobytes() == getattr(again, name).tobytes()
    assert [m.model_text for m in child.model.blend.members if m.kind == "trees"] == [
        m.model_text for m in parent.model.blend.members if m.kind == "trees"
    ]


def test_a_site_like_the_others_changes_next_to_nothing(home: Path, study: Study, tmp_path: Path) -> None:
    done = recalibrate(study.name, _folder(_site(300, 0.0), tmp_path / "site"), home, out=tmp_path / "out")
    parent, child = bundle.load(home / "bundles" / done.parent), bundle.load(done.folder)
    others = _site(100, 0.0, seed=13)
    moved = np.abs(child.model.predict(others).margin - parent.model.predict(others).margin)
    assert np.nanmean(moved) < 0.15


@pytest.mark.slow
def test_it_becomes_the_challenger_and_asking_again_changes_nothing(
    study: Study, cohort: Cohort, tmp_path: Path
) -> None:
    models = fit_models(build_design(study, cohort), cohort, study)
    home, folder = tmp_path / "home", _folder(_site(60, SHIFT), tmp_path / "site")
    written = tiny_blocks.publish(tmp_path / "elsewhere", study, cohort, models)
    Registry(home).publish(study.name, written)
    promote(home, study.name, None, "first", "we", despite_gates=True)
    done = recalibrate(study.name, folder, home)
    assert recalibrate(study.name, folder, home) == done
    assert Registry(home).show(study.name).aliases == {"champion": 1, "challenger": 2}
    assert done.version == 2
    with pytest.raises(RegistryError, match="gates"):
        promote(home, study.name, None, "unjudged", "we")


def test_too_few_patients_are_refused_with_their_number(home: Path, study: Study, tmp_path: Path) -> None:
    site = _site(60, 0.0)
    few = site.take(site.patient_ids[:19])
    with pytest.raises(CohortError, match=r"19 of the 19 given.*20 are needed; gather more"):
        recalibrate(study.name, _folder(few, tmp_path / "few"), home, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_patients_who_were_learned_from_are_refused(study: Study, cohort: Cohort, tmp_path: Path) -> None:
    models = fit_models(build_design(study, cohort), cohort, study)
    written = tiny_blocks.publish(tmp_path, study, cohort, models)
    loaded = bundle.load(written)
    about = replace(loaded.manifest.provenance, cohort_fingerprint=cohort.fingerprint())
    parent = replace(loaded, manifest=Manifest.of(models, about))
    with pytest.raises(CohortError, match="learned from"):
        local_patients(parent, study, cohort)


def test_a_probability_needs_ten_of_each_kind(tmp_path: Path) -> None:
    asked = tiny_blocks.tiny_study("binary")
    cohort, _ = tiny_blocks.tiny_cohort("binary", 200)
    models = tiny_blocks.fit(asked, cohort)
    parent = bundle.load(tiny_blocks.publish(tmp_path, asked, cohort, models))
    site, _ = tiny_blocks.tiny_cohort("binary", 120, seed=1)
    happened = np.flatnonzero(site.outcome("response") > 0.5)
    absent = np.flatnonzero(site.outcome("response") < 0.5)
    ids = np.array(site.patient_ids)
    with pytest.raises(CohortError, match=r"9 with the event and 2\d without; 10 of each"):
        local_patients(parent, asked, site.take(ids[np.sort(np.r_[happened[:9], absent[:30]])]))
    local = local_patients(parent, asked, site.take(ids[np.sort(np.r_[happened[:20], absent[:30]])]))
    _, moved = adapted(parent.models, local, SitePrior(0.5, 0.2, 1.8, 0.0, 10))
    answers = moved.model.explain(site)
    off = answers.contributions.sum(axis=1) + answers.base - answers.margin
    assert np.nanmax(np.abs(off)) < 1e-9
    assert np.isfinite(answers.value).sum() > 100


def test_the_prior_is_the_one_that_was_measured_or_the_default(study: Study, home: Path) -> None:
    entry = Shelf(home).entry(study.name, "champion")
    parent = bundle.load(entry.folder)
    local = local_patients(parent, study, _site(60, 0.0))
    assert prior_of(parent, local).n_sites == 0
    measured = SitePrior(0.2, 0.1, 1.0, 5.5, 18)
    priors = {parent.model.outcome.link: measured.to_json()}
    about = replace(parent.manifest.provenance, metrics={"transport_priors": priors})
    assert prior_of(replace(parent, manifest=Manifest.of(parent.models, about)), local) == measured


def test_command_tells_people_and_machines(
    home: Path,
    study: Study,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RXPLAIN_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "160")
    folder = _folder(_site(60, SHIFT), tmp_path / "site")
    asked = ["recalibrate", study.name, str(folder), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as stopped:
        main([*asked, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert not stopped.value.code
    assert told["version"] is None
    assert told["shift"] > 0.0
    with pytest.raises(SystemExit):
        main([*asked[:-1], str(tmp_path / "again")])
    shown = capsys.readouterr().out
    assert "local patients" in shown
    assert "from the default" in shown

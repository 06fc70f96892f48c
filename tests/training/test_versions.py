"""Two versions side by side, and a challenger in the champion's shadow on patients who were asked about."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.cohort import Cohort
from features.errors import DataError, RegistryError
from features.synthetic import synthetic_cohort
from models.model_set import ModelSet
from models.registry import Registry
from models.shelf import Shelf
from serving.settings import Settings
from tests.serving.client import Client
from tests.serving.tiny import PATIENT
from tests.training import tiny_blocks
from tests.training.candidates import BROKEN, EXPLAINED, Candidate, Makers, planned
from training.cli import main
from training.monitoring.shadow import shadow, shadowed
from training.promotion import promote
from training.side_by_side import compared, side_by_side
from training.study import Study

STUDY = "warfarin"


@pytest.fixture(scope="module")
def makers(tiny_study: Study, cohort: Cohort) -> Makers:
    """Versions of the tiny study."""
    return Makers(planned(tiny_study), cohort)


def moved(makers: Makers) -> Candidate:
    """A version whose answers are all higher."""
    return BROKEN["golden patients"][0](makers)


def picky(makers: Makers) -> Candidate:
    """The moved version, which also declines whoever has no CYP2C9, and cautions more."""
    made = moved(makers)
    model = made.models.model
    domain = replace(
        model.applicability,
        required_any=(*model.applicability.required_any, ("genotype.CYP2C9.*2_count",)),
        ranges={**model.applicability.ranges, "clinical.age.value": (50.0, 60.0)},
    )
    return replace(made, models=ModelSet((replace(model, applicability=domain),)))


def test_what_differs_is_told_and_what_does_not_is_not(makers: Makers, tmp_path: Path) -> None:
    first = makers.write(makers.clean, tmp_path / "a")
    fewer = makers.with_features('  "clinical.race.is_not_stated",', "")
    second = makers.write(fewer.told(n_patients=900), tmp_path / "b")
    found = compared(STUDY, (1, first), (2, second))
    assert (found.only_a, found.only_b) == (("clinical.race.is_not_stated",), ())
    assert found.n_features == (28, 27)
    assert [(own.name, own.a, own.b) for own in found.settings] == [("patients", 600, 900)]
    golden = makers.write(moved(makers), tmp_path / "c")
    old, new = (
        {own.patient: own for own in compared(STUDY, (1, first), (3, b)).golden} for b in (first, golden)
    )
    assert all(own.change == 0.0 for own in old.values())
    assert any(own.change > 1.0 for own in new.values())
    assert {n: own.before for n, own in old.items()} == {n: own.before for n, own in new.items()}


def test_figures_stand_beside_each_other_and_a_setting_is_told_by_its_place(
    makers: Makers, tmp_path: Path
) -> None:
    worse = makers.worse(0.3).text("largest_fall = 0.2", "largest_fall = 0.5")
    bundles = makers.write(makers.clean, tmp_path / "a"), makers.write(worse, tmp_path / "b")
    found = compared(STUDY, (1, bundles[0]), (2, bundles[1]))
    told = {own.name: (own.a, own.b) for own in found.figures}
    assert told["random_80_20: mae"] == (8.4, 8.4 + 0.3)
    assert told["leave_one_site_out: mae"] == (8.4, 8.4)
    assert told["membership AUC"] == (0.56, 0.56)
    assert [(own.name, own.a, own.b) for own in found.settings] == [
        ("study.change_plan.largest_fall", 0.2, 0.5)
    ]


def test_shadow_tells_what_a_second_computation_finds(makers: Makers) -> None:
    patients = synthetic_cohort(200, seed=11)
    old, new = makers.clean.models, picky(makers).models
    (found,) = shadowed(old, new, patients, 10.0)
    before, after = (models.model.predict(patients) for models in (old, new))
    both = [i for i in range(200) if not before.is_declined(i) and not after.is_declined(i)]
    changes = [float(after.value[i] - before.value[i]) for i in both]
    assert (found.n, found.n_both) == (200, len(both))
    assert found.mean == pytest.approx(sum(changes) / len(changes), abs=1e-6)
    assert found.quantiles[2] == pytest.approx(np.median(changes), abs=1e-6)
    assert 0.0 < found.beyond < 1.0
    assert found.beyond == pytest.approx(sum(abs(c) > 10.0 for c in changes) / len(changes), abs=1e-6)
    lost = sum(after.is_declined(i) and not before.is_declined(i) for i in range(200))
    assert lost > 0
    assert (found.declined_by_challenger_only, found.declined_by_champion_only) == (lost / 200, 0.0)
    ages = sum({n.code for n in before.notices[i]} != {n.code for n in after.notices[i]} for i in range(200))
    assert max(found.notices.values()) <= ages / 200
    assert sum(found.notices.values()) >= ages / 200


def test_model_in_its_own_shadow_changes_nothing(makers: Makers) -> None:
    (found,) = shadowed(makers.clean.models, makers.clean.models, synthetic_cohort(50, seed=12), 0.0)
    assert (found.mean, found.mean_absolute, found.beyond, found.notices) == (0.0, 0.0, 0.0, {})


def test_few_common_answers_are_counted_and_not_told_of(makers: Makers) -> None:
    (found,) = shadowed(makers.clean.models, moved(makers).models, synthetic_cohort(9, seed=13), 0.0)
    assert (found.mean, found.mean_absolute, found.quantiles, found.beyond) == (None, None, None, None)


@pytest.mark.parametrize("kind", ["question", "panel"])
def test_every_option_that_both_know_is_shadowed(kind: str) -> None:
    study, (patients, _) = tiny_blocks.tiny_study(kind), tiny_blocks.tiny_cohort(kind, 200)
    models = tiny_blocks.fit(study, patients)
    assert [own.option for own in shadowed(models, models, patients, 0.0)] == list(models.options)


def asked_about(home: Path, n: int) -> None:
    """The service over this home answers n patients of different ages, and logs them."""
    with Client(Settings(home=home)) as client:
        for i in range(n):
            clinical = {**PATIENT["clinical"], "age": {"value": 40 + i, "unit": "a"}}
            patient = {**PATIENT, "patient_id": f"made-up-{i}", "clinical": clinical}
            told = client.request("POST", "/v1/predict", json={"study": STUDY, "patient": patient})
            assert told.status_code == 200


@pytest.fixture
def home(makers: Makers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a champion and a challenger on its shelf."""
    home, pointed = tmp_path / "home", {}
    for i, (alias, made) in enumerate((("champion", makers.clean), ("challenger", moved(makers))), 1):
        loaded = makers.write(made, tmp_path / alias)
        home.joinpath("bundles").mkdir(parents=True, exist_ok=True)
        (tmp_path / alias).rename(home / "bundles" / loaded.digest)
        pointed[alias] = (i, loaded.digest)
    Shelf(home).write_aliases(STUDY, pointed)
    monkeypatch.setenv("RXPLAIN_HOME", str(home))
    return home


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command that succeeds tells."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    captured = capsys.readouterr()
    assert not ended.value.code, captured.err
    return captured.out


@pytest.mark.slow
def test_logged_patients_are_answered_by_both(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked_about(home, 9)
    with pytest.raises(DataError, match="fewer than 10"):
        shadow(home, STUDY)
    asked_about(home, 12)
    found = json.loads(told(capsys, "shadow", STUDY, "--json"))
    assert (found["n"], found["tolerance"], found["champion"], found["challenger"]) == (12, 1.0, 1, 2)
    (option,) = found["options"]
    assert (option["option"], option["n_both"], option["beyond"]) == ("warfarin", 12, 1.0)
    assert option["mean"] > 1.0
    assert shadow(home, STUDY, 1000.0).options[0].beyond == 0.0
    table = " ".join(told(capsys, "shadow", STUDY).split())
    assert "12 logged patients" in table
    assert "made-up" not in table


@pytest.mark.slow
def test_history_and_comparison_are_told_by_commands(
    makers: Makers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("RXPLAIN_HOME", str(home))
    for name, made in (("first", makers.clean), ("second", moved(makers))):
        makers.write(made, tmp_path / name)
        Registry(home).publish(STUDY, tmp_path / name)
    promote(home, STUDY, 1, "the first", "ada")
    promote(home, STUDY, 2, "better so", "ben", explain_change=EXPLAINED)
    first, second = json.loads(told(capsys, "history", STUDY, "--json"))
    assert (first["who"], first["before"], first["explained"]) == ("ada", None, "")
    assert (second["who"], second["reason"], second["before"]) == ("ben", "better so", 1)
    assert (second["explained"], second["broken"]) == (EXPLAINED, [])
    assert "golden patients" in second["judged"]
    table = told(capsys, "history", STUDY)
    assert "ben promoted version 2, before it version 1" in table
    assert EXPLAINED in table
    found = json.loads(told(capsys, "compare", STUDY, "--a", "1", "--b", "2", "--json"))
    assert (found["a"], found["b"], found["only_a"], found["settings"]) == (1, 2, [], [])
    assert max(own["change"] for own in found["golden"] if own["change"] is not None) > 1.0
    assert "golden patient" in told(capsys, "compare", STUDY, "--a", "1", "--b", "2")
    with pytest.raises(RegistryError, match="no version 7"):
        side_by_side(home, STUDY, 1, 7)

"""Each clause of promotion refuses, by its name, the one candidate that breaks it; a clean one passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.cohort import Cohort
from features.errors import RegistryError, StudyError
from models.bundle import LoadedBundle
from models.registry import Registry, open_client
from tests.training.candidates import BROKEN, EXPLAINED, Candidate, Makers, planned
from training.promotion import promote
from training.promotion_clauses import Case, judged
from training.study import Study, read_study

STUDY = "warfarin"


@pytest.fixture(scope="module")
def makers(tiny_study: Study, cohort: Cohort) -> Makers:
    """Candidates of the tiny study with a plan."""
    return Makers(planned(tiny_study), cohort)


@pytest.fixture(scope="module")
def champion(makers: Makers, tmp_path_factory: pytest.TempPathFactory) -> LoadedBundle:
    """The version that candidates are held against."""
    return makers.write(makers.clean, tmp_path_factory.mktemp("champion") / "bundle")


def broken(case: Case) -> list[str]:
    """The names of the clauses that a case breaks."""
    return [name for name, faults in judged(case).items() if faults]


@pytest.mark.parametrize("clause", BROKEN)
def test_candidate_that_breaks_one_clause_is_refused_by_its_name(
    clause: str, makers: Makers, champion: LoadedBundle, tmp_path: Path
) -> None:
    make, explained = BROKEN[clause]
    candidate = makers.write(make(makers), tmp_path / "bundle")
    found = judged(Case(STUDY, candidate, champion, explained))
    assert [name for name, faults in found.items() if faults] == [clause]
    assert all(str(fault).startswith(clause) for fault in found[clause])


def test_clean_candidate_meets_every_clause(makers: Makers, champion: LoadedBundle, tmp_path: Path) -> None:
    later = makers.write(makers.clean.told(created="2026-02-01T00:00:00Z", n_patients=700), tmp_path / "b")
    assert later.digest != champion.digest
    found = judged(Case(STUDY, later, champion))
    assert not any(found.values())
    assert found.keys() == {*BROKEN, "bundle"}


def test_change_inside_the_plan_is_none_of_its_clauses_business(
    makers: Makers, champion: LoadedBundle, tmp_path: Path
) -> None:
    """Aspirin may go, by the plan; a figure may fall by a little; answers that moved are explained."""
    text = makers.study.text.replace('  "medication.aspirin.taken",\n', "")
    fewer = makers.write(makers.fitted(read_study(text)), tmp_path / "fewer")
    assert broken(Case(STUDY, fewer, champion, EXPLAINED)) == []
    assert broken(Case(STUDY, makers.write(makers.worse(0.1), tmp_path / "worse"), champion)) == []


def test_all_broken_clauses_are_told_together(makers: Makers, champion: LoadedBundle, tmp_path: Path) -> None:
    bad = makers.worse(0.3).told(n_patients=5).outcome(unit="mg/d")
    assert set(broken(Case(STUDY, makers.write(bad, tmp_path / "bad"), champion))) == {
        "unit", "cohort size", "leading figure",
    }  # fmt: skip


def test_figures_on_other_splits_are_not_compared(
    makers: Makers, champion: LoadedBundle, tmp_path: Path
) -> None:
    other = makers.write(makers.worse(3.0).told(splits_sha256="2" * 64), tmp_path / "other")
    assert broken(Case(STUDY, other, champion)) == []


def test_first_candidate_is_held_to_what_needs_no_champion(makers: Makers, tmp_path: Path) -> None:
    first = makers.write(makers.worse(9.0), tmp_path / "first")
    assert judged(Case(STUDY, first)).keys() == {"bundle", "study", "gates", "membership inference"}
    assert broken(Case(STUDY, first)) == []
    bare = makers.write(makers.clean.told(metrics={}), tmp_path / "bare")
    assert broken(Case(STUDY, bare)) == ["gates", "membership inference"]


def test_study_without_a_plan_still_asks_that_moved_answers_are_explained(
    makers: Makers, tmp_path: Path
) -> None:
    bare = makers.clean.text("[change_plan]", "[unplanned]")
    text = bare.about.study_text
    head, _, rest = text.partition("[unplanned]")
    free = bare.told(study_text=f"{head}[card]{rest.partition('[card]')[2]}")
    champion = makers.write(free, tmp_path / "free")
    barely = free.blend(free.models.model.blend.calibrated(1e-3, 1.0))
    moved = makers.write(barely.told(n_patients=5), tmp_path / "moved")
    assert broken(Case(STUDY, moved, champion)) == ["golden patients"]
    assert broken(Case(STUDY, moved, champion, EXPLAINED)) == []


def test_plan_that_cannot_be_meant_is_a_fault_of_the_study(makers: Makers) -> None:
    text = makers.study.text.replace("largest_fall = 0.2", 'largest_fall = -1.0\nmay_change = ["unit"]')
    with pytest.raises(StudyError) as refused:
        read_study(text)
    assert [fault.where for fault in refused.value.faults] == [
        "change_plan.largest_fall", "change_plan.may_change",
    ]  # fmt: skip


@pytest.mark.slow
def test_registry_refuses_by_name_and_keeps_what_was_judged(makers: Makers, tmp_path: Path) -> None:
    """A champion, a candidate refused and then forced, one explained, and one whose bundle was altered."""
    home = tmp_path / "home"
    home.mkdir()
    assert list(open_client(home).search_registered_models()) == []
    registry = Registry(home)

    def publish(name: str, made: Candidate) -> int:
        makers.write(made, tmp_path / name)
        return registry.publish(STUDY, tmp_path / name)

    publish("first", makers.clean)
    promote(home, STUDY, None, "first", "ada")
    publish("small", makers.clean.told(n_patients=20))
    with pytest.raises(RegistryError, match="cohort size: learned from 20 patients, the champion from 600"):
        promote(home, STUDY, None, "smaller", "ben")
    promote(home, STUDY, None, "smaller", "ben", despite_gates=True)
    publish("moved", BROKEN["golden patients"][0](makers))
    with pytest.raises(RegistryError, match=r"golden patients: .*say why with --explain-change"):
        promote(home, STUDY, None, "moved", "cy")
    promote(home, STUDY, None, "moved", "cy", explain_change=EXPLAINED)
    history = registry.show(STUDY).history
    assert [(e.who, e.version, e.before, e.broken, e.explained) for e in history] == [
        ("ada", 1, None, (), ""), ("ben", 2, 1, ("cohort size",), ""), ("cy", 3, 2, (), EXPLAINED),
    ]  # fmt: skip
    assert set(history[2].judged) == {*BROKEN, "bundle"}
    altered = publish("altered", makers.clean.told(created="2026-03-01T00:00:00Z"))
    digest = registry.show(STUDY).versions[altered - 1].digest
    kept = home / "artifacts" / "bundles" / STUDY / digest / "card.md"
    kept.write_text(kept.read_text() + " ")
    with pytest.raises(RegistryError, match=r"bundle: .*altered"):
        promote(home, STUDY, altered, "altered", "di")
    assert registry.show(STUDY).aliases["champion"] == 3

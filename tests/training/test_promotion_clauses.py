"""Each clause of promotion refuses, by its name, the one candidate that breaks it; a clean one passes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from features.cohort import Cohort
from features.errors import RegistryError, StudyError
from models.bundle import LoadedBundle
from models.registry import Registry, open_client
from serving.access.caller import Role
from serving.access.key_file import KeyFile
from serving.settings import Settings
from tests.serving.access.test_matrix import issued
from tests.serving.client import Client
from tests.training.candidates import BROKEN, EXPLAINED, Candidate, Makers, planned
from training.promotion import promote
from training.promotion_clauses import Case, judged
from training.sign_off import SIGNED, SignOff, sign_off_faults
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
    text = makers.study.text.replace(
        "largest_fall = 0.2", 'largest_fall = -1.0\nsigned_by = -1\nmay_change = ["unit"]'
    )
    with pytest.raises(StudyError) as refused:
        read_study(text)
    assert [fault.where for fault in refused.value.faults] == [
        "change_plan.largest_fall", "change_plan.signed_by", "change_plan.may_change",
    ]  # fmt: skip


SIGNED_PLAN = ("largest_fall = 0.2\n", "largest_fall = 0.2\nsigned_by = 2\n")


def _asked_of_nobody() -> SignOff:
    raise AssertionError("nobody is asked")


def test_without_signed_by_nobody_is_asked_who_signed(
    makers: Makers, champion: LoadedBundle, tmp_path: Path
) -> None:
    later = makers.write(makers.clean.told(n_patients=700), tmp_path / "later")
    for standing in (champion, None):
        found = judged(Case(STUDY, later, standing, who_signed=_asked_of_nobody))
        assert SIGNED not in found
        assert not any(found.values())


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (SignOff(), ["0 of 2 readers agree; 2 more must sign"]),
        (SignOff(agree=1, unsure=1), ["1 of 2 readers agree, 1 unsure; 1 more must sign"]),
        (SignOff(agree=2), []),
        (SignOff(agree=5, unsure=2), []),
        (SignOff(agree=3, disagree=1), ["1 reader disagrees"]),
        (SignOff(disagree=2), ["0 of 2 readers agree; 2 more must sign", "2 readers disagree"]),
        (SignOff(agree=9, unread="no key"), ["who signed cannot be read (no key)"]),
    ],
)
def test_plan_that_wants_signatures_counts_them_and_heeds_who_disagrees(
    makers: Makers, tmp_path: Path, said: SignOff, told: list[str]
) -> None:
    """Of the first candidate by its own plan, of a later one by the champion's."""
    signed = makers.clean.text(*SIGNED_PLAN)
    champion = makers.write(signed, tmp_path / "champion")
    later = makers.write(signed.told(n_patients=700), tmp_path / "later")
    for candidate, standing in ((champion, None), (later, champion)):
        found = judged(Case(STUDY, candidate, standing, version=4, who_signed=lambda: said))
        assert [fault.what for fault in found.pop(SIGNED)] == told
        assert not any(found.values())


def test_candidate_cannot_leave_its_readers_out_by_its_own_plan(makers: Makers, tmp_path: Path) -> None:
    champion = makers.write(makers.clean.text(*SIGNED_PLAN), tmp_path / "champion")
    free = makers.write(makers.clean, tmp_path / "free")
    assert broken(Case(STUDY, free, champion)) == [SIGNED, "change plan"]


def test_missing_signatures_are_told_with_the_page_to_sign_on() -> None:
    (fault,) = sign_off_faults(2, SignOff(), STUDY, 4)
    assert "/review/models/warfarin?version=4" in fault.remedy
    assert "rxplain log signed --study warfarin" in fault.remedy


@pytest.mark.slow
def test_promotion_waits_for_two_readers_and_for_none_who_disagrees(makers: Makers, tmp_path: Path) -> None:
    """Readers of two tenants sign over the service; the promotion asks a process of the service who did."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "access.toml").write_text('tenants = ["north", "south"]\nkeys = "keys.json"\n')
    keys = KeyFile(tmp_path / "keys.json")
    anna, bert = (issued(keys, tenant, [Role.REVIEWER], False) for tenant in ("north", "south"))
    makers.write(makers.clean.text(*SIGNED_PLAN), tmp_path / "first")
    Registry(home).publish(STUDY, tmp_path / "first")
    with pytest.raises(RegistryError, match=r"who signed cannot be read \(.*no prediction log"):
        promote(home, STUDY, None, "first", "ada")
    assert not (home / "store.db").exists()
    with Client(Settings(home=home, access=tmp_path / "access.toml")) as service:

        def says(who: str, verdict: str) -> None:
            told = {"version": 1, "verdict": verdict, "comment": "looked at"}
            bearer = {"authorization": f"Bearer {who}"}
            kept = service.request("POST", f"/v1/models/{STUDY}/verdicts", json=told, headers=bearer)
            assert kept.status_code == 201

        def refused(match: str) -> None:
            with pytest.raises(RegistryError, match=match):
                promote(home, STUDY, None, "first", "ada")
            assert Registry(home).show(STUDY).aliases.keys() == {"challenger"}

        refused("0 of 2 readers agree; 2 more must sign")
        says(anna, "agree")
        refused("sign-off: 1 of 2 readers agree; 1 more must sign; readers sign at /review/models/warfarin")
        says(bert, "disagree")
        refused("sign-off: 1 reader disagrees")
        says(bert, "agree")
        with sqlite3.connect(home / "store.db") as base:
            (chain,) = base.execute("SELECT chain FROM verdicts WHERE seq = 2").fetchone()
            base.execute("UPDATE verdicts SET chain = zeroblob(32) WHERE seq = 2")
        refused("the log of verdicts does not hold at row 2")
        base.execute("UPDATE verdicts SET chain = ? WHERE seq = 2", (chain,))
        base.commit()
        base.close()
        promote(home, STUDY, None, "first", "ada")
    (event,) = Registry(home).show(STUDY).history
    assert (SIGNED in event.judged, event.broken) == (True, ())


@pytest.mark.slow
def test_what_nobody_signed_is_promoted_only_in_spite_of_it(makers: Makers, tmp_path: Path) -> None:
    home = tmp_path / "home"
    makers.write(makers.clean.text(*SIGNED_PLAN), tmp_path / "first")
    Registry(home).publish(STUDY, tmp_path / "first")
    promote(home, STUDY, None, "the board met", "ada", despite_gates=True)
    (event,) = Registry(home).show(STUDY).history
    assert event.broken == (SIGNED,)


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

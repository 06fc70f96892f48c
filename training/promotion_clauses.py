"""The clauses a candidate must meet to be promoted, each by its name; all broken ones are told together.

Some hold for every candidate, some against the champion it would replace, and the rest are the champion's
own change plan: a candidate is judged by the plan in force, not by one it brings. Only whether readers signed
it off is asked of the first candidate too, by its own plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from features.errors import Fault, StudyError
from models.bundle import LoadedBundle
from training.change_plan import LEARNERS, LINK, OPTIONS, POPULATION, SIZE, SOURCE, ChangePlanAsked, unlisted
from training.golden import golden_answers
from training.promotion_figures import falls
from training.sign_off import SIGNED, AskWhoSigned, SignOff, sign_off_faults
from training.study import Study, read_study

GATES, STUDY, BUNDLE, MEMBERSHIP = "gates", "study", "bundle", "membership inference"
OUTCOME, UNIT, GOLDEN = "outcome", "unit", "golden patients"
PLAN, ADDED, REMOVED, LEADING = "change plan", "features added", "features removed", "leading figure"
HIGHEST_MEMBERSHIP_AUC = 0.80
_UNCHANGED, _MOST = 1e-9, 5


@dataclass(frozen=True)
class Case:
    """A candidate for a study's place, the champion that holds it (or None), and why answers moved.

    `who_signed` is asked only where a plan wants the candidate signed; `version` is where its page is found.
    """

    study: str
    candidate: LoadedBundle
    champion: LoadedBundle | None = None
    explained: str = ""
    version: int | None = None
    who_signed: AskWhoSigned = SignOff


@dataclass(frozen=True)
class _Pair:
    """A candidate beside a champion, their studies as far as they can be read, and the plan in force."""

    new: LoadedBundle
    old: LoadedBundle
    asked: Study | None
    before: Study | None
    explained: str

    @property
    def plan(self) -> ChangePlanAsked | None:
        return None if self.before is None else self.before.change_plan


def judged(case: Case) -> Mapping[str, list[Fault]]:
    """Every clause that applies, by name, with what breaks it; a clause without faults is met."""
    found = {
        BUNDLE: [],  # a loaded bundle has proved itself
        STUDY: _study_faults(case),
        GATES: missed_gates(case.candidate.manifest.provenance.metrics),
        MEMBERSHIP: _membership(case.candidate.manifest.provenance.metrics),
    }
    if signed_by := _signed_by(case):
        found[SIGNED] = sign_off_faults(signed_by, case.who_signed(), case.study, case.version)
    if case.champion is None:
        return found
    pair = _Pair(case.candidate, case.champion, _read(case.candidate), _read(case.champion), case.explained)
    lifted = pair.plan.may_change if pair.plan else ()
    clauses = _AGAINST_CHAMPION if pair.plan is None else {**_AGAINST_CHAMPION, **_PLANNED}
    told = {name: clause(pair) for name, clause in clauses.items() if name not in lifted}
    return found | {name: [Fault(name, what) for what in own] for name, own in told.items()}


def _signed_by(case: Case) -> int:
    """How many readers the plan in force wants: the champion's, and of the first candidate its own."""
    study = _read(case.champion or case.candidate)
    return 0 if study is None or study.change_plan is None else study.change_plan.signed_by


def missed_gates(metrics: Mapping[str, object]) -> list[Fault]:
    """Gates that a manifest's metrics tell as missed; a record without gates counts as missed."""
    gates = metrics.get("gates")
    if not isinstance(gates, list) or not gates:
        return [Fault(GATES, "the bundle has no record of them")]
    return [
        Fault(f"{GATES}: {gate['name']}", f"found {gate['found']:.4g}, asked {gate['asked']}")
        for gate in gates
        if not gate["passed"]
    ]


def _membership(metrics: Mapping[str, object]) -> list[Fault]:
    told = metrics.get("membership")
    if not isinstance(told, Mapping):
        return [Fault(MEMBERSHIP, "the bundle has no record of it", "fit the study again")]
    auc = told.get("auc")
    if auc is None or auc < HIGHEST_MEMBERSHIP_AUC:
        return []
    asked = f"asked below {HIGHEST_MEMBERSHIP_AUC:.2f}"
    return [Fault(MEMBERSHIP, f"answers betray who was learned from: AUC {auc:.3f}, {asked}")]


def _study_faults(case: Case) -> list[Fault]:
    named = case.candidate.manifest.provenance.study
    if named != case.study:
        return [Fault(STUDY, f"the bundle is of study '{named}'")]
    asked = _read(case.candidate)
    if asked is None:
        return [Fault(STUDY, "the bundle's study cannot be read by this version", "fit the study again")]
    return [] if asked.name == case.study else [Fault(STUDY, f"the bundle's study says it is '{asked.name}'")]


def _read(loaded: LoadedBundle) -> Study | None:
    try:
        return read_study(loaded.manifest.provenance.study_text)
    except StudyError:
        return None


def _plan(pair: _Pair) -> list[str]:
    if pair.before is None:
        return ["the champion's study cannot be read by this version, so its plan is not known"]
    if pair.asked is not None and pair.asked.change_plan != pair.plan:
        return ["the candidate's study states another plan than the champion's"]
    return []


def _outcome(pair: _Pair) -> list[str]:
    return ["another outcome is answered"] if _differ(pair, "kind", "name", "event", "better") else []


def _unit(pair: _Pair) -> list[str]:
    return ["the answer is in another unit or range"] if _differ(pair, "unit", "lowest", "highest") else []


def _link(pair: _Pair) -> list[str]:
    return ["answers are learned on another link"] if _differ(pair, "link") else []


def _differ(pair: _Pair, *names: str) -> bool:
    """Whether models of the same drug differ in any of these; single models are of the same drug."""
    old, new = pair.old.models, pair.new.models
    if len(old.models) == len(new.models) == 1:
        return _of(old.model.outcome, ("drug", *names)) != _of(new.model.outcome, ("drug", *names))
    after = {own.outcome.drug: own.outcome for own in new.models}
    both = [(own.outcome, after[own.outcome.drug]) for own in old.models if own.outcome.drug in after]
    return any(_of(first, names) != _of(second, names) for first, second in both)


def _of(outcome: object, names: tuple[str, ...]) -> list[object]:
    return [getattr(outcome, name, None) for name in names]


def _learners(pair: _Pair) -> list[str]:
    old, new = (
        {member.kind for model in loaded.models.models for member in model.blend.members}
        for loaded in (pair.old, pair.new)
    )
    return [] if old == new else [f"learned by {_listed(new)}; the champion by {_listed(old)}"]


def _options(pair: _Pair) -> list[str]:
    old, new = pair.old.models, pair.new.models
    if old.question is None and new.question is None and len(old.models) == len(new.models) == 1:
        return []
    same = old.question == new.question and old.options == new.options
    return [] if same else ["other drugs or treatments can be asked about"]


def _population(pair: _Pair) -> list[str]:
    if pair.asked is None or pair.before is None or pair.asked.population == pair.before.population:
        return []
    return ["the study's rules of whom it is about differ"]


def _source(pair: _Pair) -> list[str]:
    if pair.asked is None or pair.before is None:
        return []
    old, new = ((own.dataset, own.source, own.table) for own in (pair.before, pair.asked))
    return [] if old == new else ["the patients are of another source"]


def _size(pair: _Pair) -> list[str]:
    n, before = (own.manifest.provenance.n_patients for own in (pair.new, pair.old))
    return [f"learned from {n:,} patients, the champion from {before:,}"] if n < before else []


def _added(pair: _Pair) -> list[str]:
    gained = set(pair.new.models.spec.names) - set(pair.old.models.spec.names)
    outside = unlisted(gained, pair.plan.features_added) if pair.plan else []
    return [f"the plan does not list {_listed(outside)}"] if outside else []


def _removed(pair: _Pair) -> list[str]:
    lost = set(pair.old.models.spec.names) - set(pair.new.models.spec.names)
    outside = unlisted(lost, pair.plan.features_removed) if pair.plan else []
    return [f"the plan does not list {_listed(outside)}"] if outside else []


def _leading(pair: _Pair) -> list[str]:
    if pair.asked is None or pair.before is None or pair.plan is None:
        return []
    old, new = (own.manifest.provenance for own in (pair.old, pair.new))
    return falls(pair.before, old, pair.asked, new, pair.plan.largest_fall)


def _golden(pair: _Pair) -> list[str]:
    allowed = _UNCHANGED if pair.plan is None else max(pair.plan.largest_golden_change, _UNCHANGED)
    moved = [own for own in golden_answers(pair.old, pair.new) if own.change > allowed]
    if not moved or pair.explained:
        return []
    worst = max(moved, key=lambda own: own.change)
    patients = len({own.patient for own in moved})
    by = f"by up to {worst.change:.4g}" if worst.change < float("inf") else "or are declined by one only"
    limit = "no change" if pair.plan is None else f"{allowed:g}"
    return [f"answers to {patients} moved {by}, allowed is {limit}; say why with --explain-change"]


def _listed(names: set[str] | list[str]) -> str:
    shown = sorted(names)[:_MOST]
    return ", ".join(shown) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")


_Clause = Callable[[_Pair], list[str]]
_AGAINST_CHAMPION: Mapping[str, _Clause] = {PLAN: _plan, OUTCOME: _outcome, UNIT: _unit, GOLDEN: _golden}
_PLANNED: Mapping[str, _Clause] = {
    LINK: _link,
    LEARNERS: _learners,
    OPTIONS: _options,
    POPULATION: _population,
    SOURCE: _source,
    SIZE: _size,
    ADDED: _added,
    REMOVED: _removed,
    LEADING: _leading,
}

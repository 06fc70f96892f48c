"""A champion of made-up patients, and candidates for its place that are clean or break one clause each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from features.cohort import Cohort
from models import bundle
from models.blend import Blend
from models.bundle import LoadedBundle
from models.card import build_card
from models.manifest import Manifest, Provenance
from models.model_set import ModelSet, Question
from models.reference import build_reference
from tests.models.conftest import EVALUATION, provenance
from training.design import build_design
from training.fit import fit_models
from training.study import Study, read_study

PLAN = """[change_plan]
largest_fall = 0.2
largest_golden_change = 1.0
features_added = ["clinical.diabetes.*"]
features_removed = ["medication.aspirin.*"]
"""
EXPLAINED = "the change is meant"
_SEX = '"clinical.sex.is_male",'
_GATE = {"name": "error", "asked": "at most 9", "found": 8.4, "passed": True}
_MEMBERSHIP = {"n_members": 300, "n_held_out": 300, "auc": 0.56, "lower": 0.52, "upper": 0.6}


@dataclass(frozen=True)
class Candidate:
    """What a bundle is written of."""

    models: ModelSet
    about: Provenance

    def told(self, **changed: object) -> Candidate:
        """The same models with other provenance."""
        return replace(self, about=replace(self.about, **changed))

    def metric(self, **changed: object) -> Candidate:
        """The same models with other figures."""
        return self.told(metrics={**self.about.metrics, **changed})

    def text(self, old: str, new: str) -> Candidate:
        """The same models, whose study says something else."""
        assert old in self.about.study_text
        return self.told(study_text=self.about.study_text.replace(old, new))

    def outcome(self, **changed: object) -> Candidate:
        """The same model, said to answer something else."""
        model = self.models.model
        return replace(self, models=ModelSet((replace(model, outcome=replace(model.outcome, **changed)),)))

    def blend(self, blend: Blend) -> Candidate:
        """The model with another blend."""
        return replace(self, models=ModelSet((replace(self.models.model, blend=blend),)))


@dataclass(frozen=True)
class Makers:
    """Makes candidates from one study and its patients; models are fitted once."""

    study: Study
    cohort: Cohort

    @cached_property
    def clean(self) -> Candidate:
        """The champion's twin: every clause is met."""
        return self.fitted(self.study)

    def fitted(self, study: Study) -> Candidate:
        """A candidate of another study, with the same figures."""
        models = fit_models(build_design(study, self.cohort), self.cohort, study)
        protocols = {p.name: {"model": {"mae": {"value": 8.4}}} for p in study.protocols}
        metrics = {"protocols": protocols, "gates": [_GATE], "membership": _MEMBERSHIP}
        about = replace(provenance(study.name), study_text=study.text, metrics=metrics)
        return Candidate(models, about)

    def with_features(self, old: str, new: str) -> Candidate:
        """A candidate that reads other features."""
        assert old in self.study.text
        return self.fitted(read_study(self.study.text.replace(old, new)))

    def worse(self, by: float) -> Candidate:
        """The same, of which the leading figure is worse under its first protocol."""
        protocols: Mapping = self.clean.about.metrics["protocols"]
        name = self.study.protocols[0].name
        return self.clean.metric(protocols={**protocols, name: {"model": {"mae": {"value": 8.4 + by}}}})

    def write(self, made: Candidate, folder: Path) -> LoadedBundle:
        """The candidate as a bundle that has proved itself."""
        manifest = Manifest.of(made.models, made.about)
        matrix = build_design(self.study, self.cohort).matrix
        reference = build_reference(matrix, self.cohort, self.study.outcome.name, self.study.model.strata)
        bundle.save(made.models, folder, manifest, reference, build_card(manifest, EVALUATION))
        return bundle.load(folder)


def planned(study: Study) -> Study:
    """The study with the change plan of these tests in place of its own."""
    head, _, rest = study.text.partition("[change_plan]")
    return read_study(f"{head}{PLAN}\n[card]{rest.partition('[card]')[2]}")


Make = Callable[[Makers], Candidate]
BROKEN: Mapping[str, tuple[Make, str]] = {
    "gates": (lambda m: m.clean.metric(gates=[{**_GATE, "passed": False}]), ""),
    "membership inference": (lambda m: m.clean.metric(membership={**_MEMBERSHIP, "auc": 0.8}), ""),
    "study": (lambda m: m.clean.text('name = "warfarin"', 'name = "other"'), ""),
    "change plan": (lambda m: m.clean.text("largest_fall = 0.2", "largest_fall = 20.0"), ""),
    "outcome": (lambda m: m.clean.outcome(name="daily_dose"), ""),
    "unit": (lambda m: m.clean.outcome(unit="mg/d"), ""),
    "golden patients": (lambda m: m.clean.blend(m.clean.models.model.blend.calibrated(1.0, 1.0)), ""),
    "link": (lambda m: m.clean.outcome(link="log"), EXPLAINED),
    "learners": (lambda m: m.clean.blend(Blend(m.clean.models.model.blend.members[:1], (1.0,))), EXPLAINED),
    "options": (lambda m: _asked_about_race(m.clean), ""),
    "population": (lambda m: m.clean.text("outcome_below = 315.0", "outcome_below = 300.0"), ""),
    "data source": (lambda m: m.clean.text('dataset = "iwpc"', 'dataset = "elsewhere"'), ""),
    "cohort size": (lambda m: m.clean.told(n_patients=m.clean.about.n_patients - 1), ""),
    "features added": (
        lambda m: m.with_features(_SEX, f'{_SEX} "clinical.target_inr.value",'),
        EXPLAINED,
    ),
    "features removed": (lambda m: m.with_features('  "clinical.race.is_not_stated",', ""), EXPLAINED),
    "leading figure": (lambda m: m.worse(0.3), ""),
}  # fmt: skip
"""By clause, a candidate that breaks it alone, and how its golden patients' change is explained."""


def _asked_about_race(made: Candidate) -> Candidate:
    question = Question("race", ("white", "asian"))
    return replace(made, models=replace(made.models, question=question))

"""What the page of models says: what is in service, for whom it is and on whom it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from serving.repository import Served
from serving.review.words import enumerated, sentence, spoken, unit

_MOST_OPTIONS = 8


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model in service."""

    study: str
    version: int
    purpose: str
    facts: tuple[tuple[str, str], ...]
    limits: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class ModelsView:
    """Every model in service; `waiting` versions by study, some of which may have none in service."""

    summary: str
    models: tuple[ModelView, ...]
    waiting: Mapping[str, int]

    @property
    def unserved(self) -> tuple[str, ...]:
        """Studies of which only a version waits."""
        served = {model.study for model in self.models}
        return tuple(study for study in sorted(self.waiting) if study not in served)


def models_view(current: Mapping[str, Served], waiting: Mapping[str, int]) -> ModelsView:
    """The models by study."""
    models = tuple(model_view(served) for _, served in sorted(current.items()))
    n = len(models)
    summary = "1 model is in service." if n == 1 else f"{n} models are in service."
    return ModelsView(summary, models, waiting)


def model_view(served: Served) -> ModelView:
    """What is said of one model wherever it is listed."""
    bundle, models = served.bundle, served.bundle.models
    outcome, provenance = bundle.manifest.outcome, bundle.manifest.provenance
    event = getattr(outcome, "event", None)
    what = f"chance of {spoken(event)}" if event else spoken(outcome.name)
    measured = unit(outcome.unit)
    facts = [
        ("Answers with", sentence(what) + (f", {measured}" if measured and not event else "")),
        ("About", enumerated([spoken(option) for option in models.options], _MOST_OPTIONS)),
        ("Trained on", f"{provenance.n_patients:,} patients"),
        ("Inputs", f"{len(models.spec.names):,}"),
        ("Made", provenance.created[:10]),
    ]
    limits = bundle.card.get("limits")
    told = tuple(map(str, limits)) if isinstance(limits, list) else ()
    purpose = str(bundle.card.get("purpose") or "")
    return ModelView(served.study, served.version, purpose, tuple(facts), told, bundle.digest)

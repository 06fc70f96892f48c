"""All that a card is written from: the bundle, its study, and the evaluation without small cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.bundle import LoadedBundle
from models.card import METRICS, spoken, without_small_cells
from models.manifest import Manifest
from training.model_card.items import NOT_STATED
from training.study import Study, read_study
from training.study_card import CardAsked

Json = Mapping[str, Any]  # Any: an evaluation, keyed by names the study chose
MODEL = "model"


@dataclass(frozen=True)
class CardFacts:
    """What a model is, how it came to be, and how it did.

    `document` is the evaluation; `version` is None before the model is registered. `asked` is what the study
    states in `[card]`, empty when it has none.
    """

    manifest: Manifest
    study: Study
    document: Json
    digest: str
    reference: Json
    bundle_card: Json
    version: int | None = None
    asked: CardAsked = field(default_factory=CardAsked)

    def stated(self, name: str) -> str:
        """What the study's `[card]` says under `name`, or that it says nothing."""
        told = getattr(self.asked, name)
        return str(told) if told else f"{NOT_STATED} ([card] {name})."

    @property
    def unit(self) -> str:
        """The outcome's unit; empty when it has none."""
        return "" if self.manifest.outcome.unit == "1" else self.manifest.outcome.unit

    @property
    def protocols(self) -> Json:
        """`<protocol>.<who>.<metric>` with value, lower and upper."""
        return self.document.get("protocols", {})

    @property
    def subgroups(self) -> Json:
        """`<protocol>.<variable>.<level>` with n and figures by who."""
        return self.document.get("subgroups", {})

    @property
    def gates(self) -> list[Json]:
        """Name, what was asked, what was found, and whether it passed."""
        return list(self.manifest.provenance.metrics.get("gates", []))  # type: ignore[call-overload]

    @property
    def leading(self) -> str:
        """The metric that candidates are compared by."""
        return str(self.document.get("leading", "mae"))

    @property
    def grouped(self) -> list[str]:
        """The protocols that leave out whole groups, such as sites."""
        return [p.name for p in self.study.protocols if p.kind == "group" and p.name in self.protocols]


def read_facts(bundle: LoadedBundle, evaluation: Json, version: int | None = None) -> CardFacts:
    """The facts of a bundle that has proved itself, and of the evaluation it was judged by."""
    study = read_study(bundle.manifest.provenance.study_text)
    document = without_small_cells(evaluation)
    assert isinstance(document, Mapping)
    asked = study.card or CardAsked()
    parts = bundle.digest, bundle.reference, bundle.card, version, asked
    return CardFacts(bundle.manifest, study, document, *parts)


def metric_name(metric: str, unit: str) -> str:
    """A metric as a reader says it."""
    return METRICS.get(metric, spoken(metric)).format(unit=unit or "no unit")


def figure_text(found: object, metric: str) -> str:
    """A figure with its 95% interval, with the decimals that its metric bears; empty where none was told."""
    if not isinstance(found, Mapping) or found.get("value") is None:
        return ""
    decimals = 1 if metric in ("within20", "coverage90", "decided") else 3
    decimals = 2 if metric in ("mae", "slope") else decimals
    value, lower, upper = (found.get(name) for name in ("value", "lower", "upper"))
    if lower is None or upper is None:
        return f"{value:.{decimals}f}"
    return f"{value:.{decimals}f} ({lower:.{decimals}f} to {upper:.{decimals}f})"


def joined(texts: list[str] | tuple[str, ...], last: str = "and") -> str:
    """Texts as a list in a sentence."""
    return f" {last} ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)

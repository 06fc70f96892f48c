"""A served model adapted to a new site from a few dozen of its patients, as a bundle of its own.

Members stay as they are; shift and weights of the blends move, and intervals are made of the site's own
errors filled up with those learned before. See `models.recalibration`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from features.encode import encode
from features.errors import CohortError, Fault, RegistryError
from models import bundle
from models.bundle import LoadedBundle
from models.card import build_card
from models.local_scores import FULL, local_uncertainty
from models.manifest import Manifest, Provenance
from models.model_set import ModelSet
from models.neighbourhood import KEY as NEIGHBOURHOOD
from models.neighbourhood import unjudged
from models.outcome import Outcome
from models.recalibration import LEAST_LOCAL, LEAST_OF_EACH, Adaptation, SitePrior, adapt, left_out
from models.registry import Registry
from models.response import ResponseModel, Uncertainty
from models.shelf import CHAMPION, Shelf
from training.population import select_population
from training.provenance import git_commit, key_of
from training.study import Study, read_study
from training.study_cohort import cohort_in
from training.transport import default_prior

Numbers = NDArray[np.float64]
_LEVEL = 0.9


@dataclass(frozen=True)
class LocalPatients:
    """A site's patients as the model answers them: margins, outcomes and strata (n,), and who they are."""

    margin: Numbers
    observed: Numbers
    strata: list[str]
    fingerprint: str


@dataclass(frozen=True)
class LocalGain:
    """Mean loss of the local patients as answered before, and as adapted for by all the others; `in_errors`
    is the change in its standard errors."""

    before: float
    after: float
    in_errors: float


@dataclass(frozen=True)
class Recalibrated:
    """A model adapted to a site; `version` is None where it was written to a folder and not registered."""

    study: str
    parent: str
    digest: str
    folder: Path
    version: int | None
    n_local: int
    shift: float
    scale: float
    prior: SitePrior
    gain: LocalGain


def recalibrate(
    study_name: str, folder: Path, home: Path, alias: str = CHAMPION, out: Path | None = None
) -> Recalibrated:
    """The version that `alias` points to, adapted to the patients of `folder` who have outcomes.

    It becomes the study's challenger, or with `out` a bundle there and nothing else. The same patients give
    the same bundle. Refused with fewer than 20 of the study's population, or fewer than 10 of either kind.
    """
    entry = Shelf(home).entry(study_name, alias)
    if entry is None:
        raise RegistryError(
            f"'{study_name}' has no {alias}; run rxplain fit {study_name}, then rxplain promote"
        )
    parent = bundle.load(entry.folder, entry.digest)
    study = read_study(parent.manifest.provenance.study_text)
    cohort = cohort_in(study, folder)
    local = local_patients(parent, study, cohort)
    prior = prior_of(parent, local)
    adaptation, models = adapted(parent.models, local, prior)
    gain = local_gain(local, prior, models.model.outcome)
    kept = out or home / "candidates" / key_of(parent.digest, local.fingerprint, git_commit())
    if out is not None or not kept.exists():
        _write(parent, models, _provenance(parent, local, adaptation, prior, gain), kept)
    version = None if out is not None else Registry(home).publish(study_name, kept)
    digest = bundle.load(kept).digest
    told = (len(local.observed), adaptation.shift, adaptation.scale, prior, gain)
    return Recalibrated(study_name, parent.digest, digest, kept, version, *told)


def local_patients(parent: LoadedBundle, study: Study, cohort: Cohort) -> LocalPatients:
    """Those of a cohort who are of the study's population, have an outcome and can be answered.

    Refuses too few of them, outcomes out of bounds, panels, and the patients that the model learned from.
    """
    if len(parent.models.models) > 1:
        raise RegistryError(f"'{study.name}' answers about several drugs; recalibrate knows one outcome only")
    chosen = select_population(study, cohort).cohort
    model, fingerprint = parent.model, chosen.fingerprint()
    reading = model.read(encode(chosen, model.spec), chosen)
    margin = model.answer_reading(reading, _LEVEL, explain=False).margin
    kept = np.flatnonzero(np.isfinite(margin))
    observed, strata = chosen.outcome(model.outcome.name), [reading.strata[i] for i in kept.tolist()]
    local = LocalPatients(margin[kept], observed[kept], strata, fingerprint)
    _refuse(parent, local, len(cohort))
    return local


def _refuse(parent: LoadedBundle, local: LocalPatients, n_given: int) -> None:
    outcome, n = parent.model.outcome, len(local.observed)
    remedy = "gather more local patients with outcomes, and serve the model as it is until then"
    faults = []
    if local.fingerprint == parent.manifest.provenance.cohort_fingerprint:
        faults.append(Fault("patients", "are those that the model learned from", "give another site's"))
    if n < LEAST_LOCAL:
        said = f"{n} of the {n_given} given are of the study's population, with outcome and answer"
        faults.append(Fault("patients", f"{said}; {LEAST_LOCAL} are needed", remedy))
    if outcome.kind == "binary":
        events = int((local.observed > 0.5).sum())
        if min(events, n - events) < LEAST_OF_EACH:
            said = f"{events} with the event and {n - events} without; {LEAST_OF_EACH} of each are needed"
            faults.append(Fault(f"outcome '{outcome.name}'", said, remedy))
    else:
        faults += outcome.faults(local.observed)
    if faults:
        raise CohortError(f"{len(faults)} faults: the model was not recalibrated", faults)


def prior_of(parent: LoadedBundle, local: LocalPatients) -> SitePrior:
    """How much sites differ, as measured when the model was judged, or the documented default."""
    metrics, model = parent.manifest.provenance.metrics, parent.model
    priors = metrics.get("transport_priors")
    if isinstance(priors, Mapping) and model.outcome.link in priors:
        return SitePrior.from_json(priors[model.outcome.link])
    return default_prior(model.conformal, float(np.median(local.margin)))


def adapted(models: ModelSet, local: LocalPatients, prior: SitePrior) -> tuple[Adaptation, ModelSet]:
    """What is done to every margin, and the models that do it."""
    outcome = models.model.outcome
    known = local.margin, local.observed, prior, outcome
    adaptation = adapt(*known)
    target = local.observed if outcome.kind == "binary" else outcome.to_margin(local.observed)
    given = (local.strata, left_out(*known), target)
    model = _moved(models.model, adaptation, local_uncertainty(models.model.conformal, adaptation, *given))
    covariance = None if models.covariance is None else adaptation.scale**2 * models.covariance
    return adaptation, ModelSet((model,), models.question, covariance)


def _moved(model: ResponseModel, adaptation: Adaptation, uncertainty: Uncertainty) -> ResponseModel:
    moved = (adaptation.shift, adaptation.scale)
    without = {name: blend.calibrated(*moved) for name, blend in model.without.items()}
    return replace(model, blend=model.blend.calibrated(*moved), without=without, conformal=uncertainty)


def local_gain(local: LocalPatients, prior: SitePrior, outcome: Outcome) -> LocalGain:
    """What adapting changed for the local patients, each adapted for by all the others."""
    before = outcome.losses(local.margin, local.observed)
    after = outcome.losses(left_out(local.margin, local.observed, prior, outcome), local.observed)
    change = after - before
    error = float(change.std(ddof=1)) / math.sqrt(len(change))
    in_errors = float(change.mean()) / error if error > 0.0 else 0.0
    return LocalGain(float(before.mean()), float(after.mean()), in_errors)


def _provenance(
    parent: LoadedBundle, local: LocalPatients, adaptation: Adaptation, prior: SitePrior, gain: LocalGain
) -> Provenance:
    """The parent's, with what was changed, from whom; its gates, and one that the local patients set."""
    before, n = parent.manifest.provenance, len(local.observed)
    changed = {
        "parent_digest": parent.digest,
        "n_local": n,
        "local_fingerprint": local.fingerprint,
        "changed": ["blend.shift", "blend.weights", "conformal"],
        "shift": adaptation.shift,
        "scale": adaptation.scale,
        "prior": prior.to_json(),
        "scores_filled_up_to": FULL,
        "loss_before": gain.before,
        "loss_after": gain.after,
    }
    gate = {
        "name": "local patients, each left out: change of the loss, in its standard errors",
        "asked": "at most 1",
        "found": gain.in_errors,
        "passed": gain.in_errors <= 1.0,
    }
    gates = before.metrics.get("gates")
    metrics = {**before.metrics, "recalibration": changed}
    if isinstance(gates, list) and gates:
        metrics["gates"] = [*gates, gate]
    return replace(
        before,
        metrics=metrics,
        git_commit=git_commit(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        trained_on=f"{before.trained_on} Recalibrated with {n} patients of another site.",
    )


def _write(parent: LoadedBundle, models: ModelSet, provenance: Provenance, folder: Path) -> None:
    said = f"{provenance.trained_on.rpartition('. ')[2]} The figures above were measured before that."
    told = {
        "protocols": parent.card.get("performance", {}),
        "subgroups": parent.card.get("subgroups", {}),
        "remarks": [*_remarks(parent), said],
    }
    manifest = Manifest.of(models, provenance)
    reference = dict(parent.reference)
    if NEIGHBOURHOOD in reference:
        reference[NEIGHBOURHOOD] = unjudged(reference[NEIGHBOURHOOD])
    bundle.save(models, folder, manifest, reference, build_card(manifest, told))


def _remarks(parent: LoadedBundle) -> list[object]:
    remarks = parent.card.get("remarks")
    return remarks if isinstance(remarks, list) else []

"""A study's steps in order: read, select, encode, evaluate, fit, judge, bundle, track, publish."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.errors import BundleError, StudyError
from features.matrix import FeatureMatrix
from models import bundle
from models.bundle import LoadedBundle
from models.card import build_card
from models.manifest import Manifest, Provenance
from models.model_set import ModelSet
from models.reference import build_reference
from models.registry import Registry
from training.biomarkers import biomarkers
from training.design import outcome_name
from training.evaluate import SMALLEST_CELL, Evaluation, evaluate, study_splits, subgroup_levels
from training.evaluation_store import document_path, keep_evaluation, read_evaluation, write_whole
from training.fit import fit_models, training_part
from training.gates import GateResult, judge
from training.model_card.write import write_card
from training.panel import fit_panel
from training.panel_evaluate import evaluate_panel
from training.population import censoring_rule
from training.prepared import Prepared, Progress, prepare, quiet
from training.provenance import git_commit, key_of, versions
from training.report import write_figures
from training.study import Study
from training.study_cohort import study_source
from training.study_tuning import TuningAsked
from training.tracking import RunRecord, recording
from training.transport import sites_prior
from training.tuning import Limits, Tuned, search, with_settings


@dataclass(frozen=True)
class RunResult:
    """A trained, judged and published candidate; `cached` when it stood there already."""

    study: str
    evaluation: Evaluation
    gates: tuple[GateResult, ...]
    gates_passed: bool
    bundle: Path
    digest: str
    run_id: str
    version: int
    figures: Path
    cached: bool


def evaluate_study(study: Study, data_dir: Path, home: Path, progress: Progress = quiet) -> Evaluation:
    """The study's evaluation under all its protocols; kept, so that asking again is quick."""
    prepared = prepare(study, data_dir, home, progress)
    tuned_on_all = study.tuning is not None and not study.tuning.nested
    judged = _settled(study, prepared, home, progress)[0] if tuned_on_all else study
    return _evaluated(judged, prepared, home, progress)


def biomarkers_of(study: Study, data_dir: Path, home: Path, progress: Progress = quiet) -> dict[str, object]:
    """What the study's patients say of its features; nothing is judged and nothing is kept."""
    found = prepare(study, data_dir, home, progress)
    return biomarkers(study, found.design, subgroup_levels(study, found.cohort))


def tune_study(study: Study, data_dir: Path, home: Path, progress: Progress = quiet) -> Tuned:
    """The settings that the study's search finds on everybody; a search that was interrupted goes on."""
    if study.tuning is None:
        raise StudyError(
            f"study '{study.name}' has no [tuning]; write what to search (space), and for how long (trials)"
        )
    return _searched(study, study.tuning, prepare(study, data_dir, home, progress), home, progress)


def _searched(study: Study, asked: TuningAsked, prepared: Prepared, home: Path, progress: Progress) -> Tuned:
    limits = Limits(asked.trials, asked.budget_minutes, asked.stop_after)
    store = home / "tuning" / f"{study.name}-{prepared.key[:16]}.db"
    part = training_part(prepared.design, study)
    return search(part, study, limits, store, lambda done, total: progress("tune", done, total))


def _settled(study: Study, prepared: Prepared, home: Path, progress: Progress) -> tuple[Study, Tuned | None]:
    """The study with the settings found on everybody; itself where it does not ask for a search."""
    if study.tuning is None:
        return study, None
    found = _searched(study, study.tuning, prepared, home, progress)
    return with_settings(study, found.settings), found


def run_study(
    study: Study, data_dir: Path, home: Path, progress: Progress = quiet, more: Sequence[Path] = ()
) -> RunResult:
    """Everything from the data to a published candidate; doing it again changes nothing and is quicker.

    `more` are folders of patients who came later, laid out like the study's own.
    """
    prepared = prepare(study, data_dir, home, progress, more)
    key = key_of(prepared.key, git_commit())
    record = home / "fits" / f"{key}.json"
    folder, figures = home / "candidates" / key, home / "figures" / study.name / key[:12]
    with recording(home, study) as recorded:
        if not (record.is_file() and figures.is_dir()):
            recorded.begin()
        settled, tuned = _settled(study, prepared, home, progress)
        nested = study.tuning is None or study.tuning.nested
        evaluation = _evaluated(study if nested else settled, prepared, home, progress)
        gates = judge(study, evaluation)
        progress("fit", 0, 1)
        loaded = _standing(folder) or _fit(settled, prepared, evaluation, gates, folder, tuned)
        progress("fit", 1, 1)
        run_id = _tracked(record, loaded.digest) if figures.is_dir() else None
        cached = run_id is not None
        progress("publish", 0, 1)
        if run_id is None:
            run_id = recorded.finish(_record(study, prepared, evaluation, loaded, home, folder, figures))
            write_whole(record, json.dumps({"digest": loaded.digest, "run_id": run_id}))
    version = Registry(home).publish(study.name, folder, run_id)
    progress("publish", 1, 1)
    passed = all(gate.passed for gate in gates)
    return RunResult(
        study.name, evaluation, gates, passed, folder, loaded.digest, run_id, version, figures, cached
    )  # fmt: skip


def _evaluated(study: Study, prepared: Prepared, home: Path, progress: Progress) -> Evaluation:
    kept = read_evaluation(home, prepared.key)
    if kept is not None:
        return kept
    how = evaluate if study.panel is None else evaluate_panel
    found = how(
        study,
        prepared.cohort,
        prepared.design,
        prepared.fingerprint,
        lambda done, total: progress("evaluate", done, total),
    )
    keep_evaluation(home, prepared.key, found)
    return found


def _standing(folder: Path) -> LoadedBundle | None:
    """The bundle that was written here before, if it still proves itself; what does not is cleared away."""
    if not folder.exists():
        return None
    try:
        return bundle.load(folder)
    except BundleError:
        shutil.rmtree(folder)
        return None


def _fit(
    study: Study,
    prepared: Prepared,
    evaluation: Evaluation,
    gates: tuple[GateResult, ...],
    folder: Path,
    tuned: Tuned | None,
) -> LoadedBundle:
    fit = fit_models if study.panel is None else fit_panel
    models = fit(prepared.design, prepared.cohort, study)
    manifest = Manifest.of(models, _provenance(study, prepared, evaluation, gates, tuned))
    reference = build_reference(
        prepared.design.matrix,
        prepared.cohort,
        study.outcome.name,
        study.model.strata,
        {drug: outcome_name(study, drug) for drug in prepared.design.drugs},
    )
    bundle.save(models, folder, manifest, reference, build_card(manifest, evaluation.document))
    return bundle.load(folder)


def _provenance(
    study: Study,
    prepared: Prepared,
    evaluation: Evaluation,
    gates: tuple[GateResult, ...],
    tuned: Tuned | None,
) -> Provenance:
    source = study_source(study)
    return Provenance(
        study=study.name,
        study_text=study.text,
        cohort_fingerprint=prepared.fingerprint,
        n_patients=len(prepared.cohort),
        splits_sha256=_splits_sha256(study, prepared),
        versions=versions(),
        git_commit=git_commit(),
        seed=study.seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        trained_on=f"{source.title} ({source.citation}; {source.terms}).{_left_out(study, prepared)}",
        metrics={
            "protocols": evaluation.document["protocols"],
            "gates": [asdict(gate) for gate in gates],
            **sites_prior(evaluation.document),
            **({} if tuned is None else {"tuned": dict(tuned.settings)}),
        },
    )


def _left_out(study: Study, prepared: Prepared) -> str:
    """A sentence on patients censored before the horizon, if the study has one; small counts are not told."""
    if not study.outcome.has_horizon:
        return ""
    n = dict(prepared.selection.exclusions)[censoring_rule(study.outcome)]
    told = f"{n}" if n >= SMALLEST_CELL or not n else f"Fewer than {SMALLEST_CELL}"
    return f" {told} patients who were censored before the horizon were left out, not weighted."


def _splits_sha256(study: Study, prepared: Prepared) -> str:
    """Digest of who was held out in each split, by id."""
    digest = hashlib.sha256()
    ids = np.array(prepared.cohort.patient_ids)
    observed = prepared.design.observed if study.panel is None else np.zeros(len(prepared.cohort))
    for split in study_splits(study, prepared.cohort, observed):
        digest.update(f"{split.protocol} {split.name} {' '.join(ids[split.test])}\n".encode())
    return digest.hexdigest()


def _tracked(record: Path, digest: str) -> str | None:
    """The run that this bundle was tracked in before, if its record can be read."""
    try:
        kept = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return kept["run_id"] if kept["digest"] == digest else None


def _record(
    study: Study,
    prepared: Prepared,
    evaluation: Evaluation,
    loaded: LoadedBundle,
    home: Path,
    folder: Path,
    figures: Path,
) -> RunRecord:
    """What the run leaves; its figures are drawn first."""
    matrix, models = prepared.design.matrix, loaded.models
    write_figures(study, evaluation, matrix.features, _importance(matrix, models), figures)
    write_card(loaded, evaluation.document, figures)
    tuned = loaded.manifest.provenance.metrics.get("tuned")
    settings = {f"tuned.{k}": v for k, v in tuned.items()} if isinstance(tuned, Mapping) else {}
    chosen = {**_chosen(models), **settings}
    source = study_source(study)
    return RunRecord(
        study,
        prepared.fingerprint,
        source.citation,
        {**chosen, "n": len(prepared.cohort), "git_commit": git_commit(), "bundle_digest": loaded.digest},
        evaluation.document,
        (document_path(home, prepared.key),),
        {"bundle": folder, "figures": figures},
    )


def _importance(matrix: FeatureMatrix, models: ModelSet) -> NDArray[np.float64]:
    """The mean absolute contribution (p,) of each feature over patients and drugs."""
    values = np.ascontiguousarray(matrix.values)
    amounts = (np.abs(model.blend.contributions(values)[0]).mean(axis=0) for model in models.models)
    return np.mean(list(amounts), axis=0)


def _chosen(models: ModelSet) -> dict[str, object]:
    """What training chose, as parameters of the run; of a panel how many drugs there are."""
    if len(models.models) > 1:
        return {"drugs": len(models.models)}
    model = models.model
    kinds = (member.kind for member in model.blend.members)
    weights = {
        f"weight.{i}.{kind}": w for i, (kind, w) in enumerate(zip(kinds, model.blend.weights, strict=True))
    }
    return {"link": model.outcome.link, "shift": model.blend.shift, **weights}

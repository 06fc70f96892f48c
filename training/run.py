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
from models.neighbourhood import KEY as NEIGHBOURHOOD
from models.reference import build_reference
from models.registry import Registry
from training.biomarkers import biomarkers
from training.design import outcome_name
from training.evaluate import SMALLEST_CELL, Evaluation, evaluate, study_splits, subgroup_levels
from training.evaluation_store import document_path, keep_evaluation, read_evaluation, write_whole
from training.fit import fit_and_hold_out
from training.gates import GateResult, judge
from training.membership import membership
from training.model_card.write import write_card
from training.neighbours import neighbours
from training.panel import fit_panel
from training.panel_evaluate import evaluate_panel
from training.population import censoring_rule
from training.prepared import Prepared, Progress, prepare, quiet
from training.provenance import git_commit, key_of, versions
from training.report import write_figures
from training.report_html import report_page
from training.study import Study
from training.study_cohort import study_source
from training.tracking import RunRecord, recording
from training.transport import sites_prior
from training.tuned_study import settled
from training.tuning import Tuned


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
    judged = settled(study, prepared, home, progress)[0] if tuned_on_all else study
    return _evaluated(judged, prepared, home, progress)


def biomarkers_of(study: Study, data_dir: Path, home: Path, progress: Progress = quiet) -> dict[str, object]:
    """What the study's patients say of its features; nothing is judged and nothing is kept."""
    found = prepare(study, data_dir, home, progress)
    return biomarkers(study, found.design, subgroup_levels(study, found.cohort))


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
        judged, tuned = settled(study, prepared, home, progress)
        nested = study.tuning is None or study.tuning.nested
        evaluation = _evaluated(study if nested else judged, prepared, home, progress)
        gates = judge(study, evaluation)
        progress("fit", 0, 1)
        loaded = _standing(folder) or _fit(judged, prepared, evaluation, gates, folder, tuned)
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


def report_study(study: Study, data_dir: Path, home: Path, progress: Progress = quiet) -> tuple[Path, str]:
    """Where the run's page lies and its HTML, written again from what was kept; nothing is fitted."""
    prepared = prepare(study, data_dir, home, progress)
    evaluation = read_evaluation(home, prepared.key)
    if evaluation is None:
        raise StudyError(f"no evaluation of '{study.name}' is kept here; run `rxplain evaluate` or `fit`")
    key = key_of(prepared.key, git_commit())
    page = _page(study, prepared, evaluation, _standing(home / "candidates" / key))
    return home / "figures" / study.name / key[:12] / "report.html", page


def _page(study: Study, prepared: Prepared, evaluation: Evaluation, loaded: LoadedBundle | None) -> str:
    gates = judge(study, evaluation)
    return report_page(study, evaluation.document, gates, prepared.design.matrix, loaded)


def _evaluated(study: Study, prepared: Prepared, home: Path, progress: Progress) -> Evaluation:
    kept = read_evaluation(home, prepared.key)
    if kept is not None:
        return kept
    given = study, prepared.cohort, prepared.design, prepared.fingerprint

    def report(done: int, total: int) -> None:
        progress("evaluate", done, total)

    if study.panel is None:
        found = evaluate(*given, report, prepared.others)
    else:
        found = evaluate_panel(*given, report)
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
    given = prepared.design, prepared.cohort, study
    models, held_out = fit_and_hold_out(*given) if study.panel is None else (fit_panel(*given), None)
    betrayed = membership(study, models, prepared.cohort, prepared.design, evaluation.pairs)
    manifest = Manifest.of(models, _provenance(study, prepared, evaluation, gates, betrayed, tuned))
    reference = build_reference(
        prepared.design.matrix,
        prepared.cohort,
        study.outcome.name,
        study.model.strata,
        {drug: outcome_name(study, drug) for drug in prepared.design.drugs},
    )
    near = neighbours(study, models, prepared.cohort, prepared.design, held_out)
    reference = {**reference, NEIGHBOURHOOD: near}
    bundle.save(models, folder, manifest, reference, build_card(manifest, evaluation.document))
    return bundle.load(folder)


def _provenance(
    study: Study,
    prepared: Prepared,
    evaluation: Evaluation,
    gates: tuple[GateResult, ...],
    betrayed: Mapping[str, object],
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
            "membership": betrayed,
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
    write_whole(figures / "report.html", _page(study, prepared, evaluation, loaded))
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

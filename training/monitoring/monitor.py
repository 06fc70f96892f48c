"""A champion looked at in the field: who comes now, how sure it is of them, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from features.encode import encode
from models.answers import Answers
from models.bundle import LoadedBundle
from models.reference import SMALLEST_CELL
from models.shelf import CHAMPION
from training.monitoring.drift import drifts
from training.monitoring.field import Seen, field_figures
from training.monitoring.logged import read_log, with_outcomes
from training.predict_folder import model_of
from training.study import Study, read_study
from training.study_cohort import cohort_in

Progress = Callable[[str, int, int], None]
LEVEL = 0.9


@dataclass(frozen=True)
class Watched:
    """What was found, as a document; `alarms` says in words what wants a look, most urgent first."""

    study: str
    version: int
    digest: str
    document: dict[str, Any]
    alarms: tuple[str, ...]


def monitor(
    study_name: str, home: Path, folder: Path | None, outcomes: Path | None, alias: str = CHAMPION
) -> Watched:
    """Patients of a folder, or without one those of the prediction log, held against the model's training.

    `outcomes` is a CSV table of patient_id and value; a folder may hold outcomes itself. Patients are taken
    in the order in which they came.
    """
    chosen = model_of(study_name, home, alias, LEVEL)
    study = read_study(chosen.loaded.manifest.provenance.study_text)
    cohort = patients(study, chosen.loaded, home, folder, outcomes)
    document = _document(chosen.loaded, study, cohort)
    return Watched(study_name, chosen.version, chosen.digest, document, tuple(_alarms(document)))


def patients(
    study: Study, loaded: LoadedBundle, home: Path, folder: Path | None, outcomes: Path | None
) -> Cohort:
    """Everybody of the folder, or of the log, with the outcomes known of them."""
    if folder is None:
        cohort = read_log(home, study.name, loaded.models.spec).cohort
    else:
        cohort = cohort_in(study, folder)
    if outcomes is None:
        return cohort
    unit = "1 or 0" if study.outcome.is_binary else f"give {study.outcome.name} in {study.outcome.unit}"
    return with_outcomes(cohort, outcomes, study.outcome.name, unit)


def _document(loaded: LoadedBundle, study: Study, cohort: Cohort) -> dict[str, Any]:
    models = loaded.models
    matrix = encode(cohort, models.spec)
    found = drifts(matrix.names, matrix.values, loaded.reference)
    answers = {own.outcome.drug: own.predict(cohort, LEVEL) for own in models.models}
    told = {drug: _of_drug(own, study, cohort, len(answers)) for drug, own in answers.items()}
    return {
        "study": study.name,
        "n": len(cohort),
        "drift": [_rounded(asdict(own)) for own in found],
        "drifted": [own.feature for own in found if own.drifted],
        "drugs": told,
    }


def _of_drug(answers: Answers, study: Study, cohort: Cohort, n_drugs: int) -> dict[str, Any]:
    name = study.outcome.name
    own = f"{name}:{answers.outcome.drug}" if study.panel is not None else name
    levels = {v: _levels(cohort, v) for v in dict.fromkeys((*study.subgroups, study.model.strata)) if v}
    seen = Seen(answers, cohort.outcome(own), levels)
    return {"answers": _sureness(answers), "field": field_figures(seen, n_drugs)}


def _levels(cohort: Cohort, variable: str) -> NDArray:
    return np.array([text or "not_recorded" for text in cohort.texts(variable).tolist()], dtype=object)


def _sureness(answers: Answers) -> dict[str, Any]:
    """How many were declined, how wide intervals are, and how many carry each notice."""
    given = ~np.isnan(answers.value)
    width = (answers.upper - answers.lower)[given]
    finite = width[np.isfinite(width)]
    codes = [code for own in answers.notices for code in {notice.code for notice in own}]
    counts = {code: codes.count(code) for code in sorted(set(codes))}
    return {
        "n": len(answers),
        "declined": round(1.0 - float(given.mean()), 6) if len(answers) >= SMALLEST_CELL else None,
        "width": round(float(np.median(finite)), 6) if len(finite) >= SMALLEST_CELL else None,
        "notices": {code: n for code, n in counts.items() if n >= SMALLEST_CELL},
    }


def _alarms(document: dict[str, Any]) -> Iterable[str]:
    for drug, told in document["drugs"].items():
        field = told["field"]
        of = f" of {drug}" if len(document["drugs"]) > 1 else ""
        if field.get("coverage", {}).get("alarm"):
            yield _missed(f"all patients{of}", field["coverage"])
        for variable, levels in field.get("subgroups", {}).items():
            for level, figures in levels.items():
                if figures["alarm"]:
                    yield _missed(f"{variable} {level}{of}", figures)
        if field.get("rate_alarm", {}).get("alarm"):
            yield f"Probabilities{of} are off: what happened is {field['rate']:.1%}; recalibrate the model."
    for feature in document["drifted"]:
        yield f"{feature} is not distributed as in training, or is missing more or less often."


def _missed(who: str, figures: dict[str, Any]) -> str:
    return (
        f"Intervals of {who} hold {figures['value']:.1%} of {figures['n']} outcomes where "
        f"{figures['promised']:.0%} was promised; certain enough after {figures['raised_after']}."
    )


def _rounded(told: dict[str, Any]) -> dict[str, Any]:
    return {name: round(v, 6) if isinstance(v, float) else v for name, v in told.items()}


def metrics_text(watched: Watched) -> str:
    """The figures as Prometheus' text format, for a textfile collector; one gauge a figure."""
    study = f'study="{watched.study}"'
    lines = [
        "# HELP rxplain_monitor_alarms Alarms of the last look at a study in the field.",
        "# TYPE rxplain_monitor_alarms gauge",
        f"rxplain_monitor_alarms{{{study}}} {len(watched.alarms)}",
        "# HELP rxplain_monitor_psi Population stability index by feature.",
        "# TYPE rxplain_monitor_psi gauge",
    ]
    lines += [
        f'rxplain_monitor_psi{{{study},feature="{own["feature"]}"}} {own["psi"]}'
        for own in watched.document["drift"]
        if own["psi"] is not None
    ]
    lines += [
        "# HELP rxplain_monitor_coverage Share of outcomes that intervals held.",
        "# TYPE rxplain_monitor_coverage gauge",
    ]
    for drug, told in watched.document["drugs"].items():
        coverage = told["field"].get("coverage")
        if coverage is not None:
            lines.append(f'rxplain_monitor_coverage{{{study},drug="{drug}"}} {coverage["value"]}')
    return "\n".join(lines) + "\n"

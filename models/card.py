"""The model card: what a model is for, whom it learned from, how well it does, and where it may not be used.

It informs, and does not order; what it does not know, it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from models.manifest import Manifest
from models.outcome import BinaryOutcome, outcome_to_json

ADVICE = (
    "This estimate informs the clinician who treats the patient; it does not order a dose and replaces "
    "neither judgement nor monitoring."
)
METRICS = {
    "auc": "AUC",
    "auc_within": "AUC within groups",
    "spearman": "mean Spearman correlation over drugs",
    "brier": "Brier score",
    "slope": "calibration slope",
    "mae": "mean absolute error ({unit})",
    "r2": "R²",
    "within20": "within 20% (% of patients)",
    "coverage90": "90% interval or set holds (%)",
    "decided": "set names one outcome (%)",
}
SMALLEST_CELL = 10


def build_card(manifest: Manifest, evaluation: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """The card as Markdown and as data, from the manifest and the evaluation's JSON.

    Of `evaluation` the card reads `protocols`, `subgroups` and `remarks`; a subgroup of fewer than ten
    patients (`n`) is left out.
    """
    data = _data(manifest, evaluation)
    return _markdown(data), data


def _data(manifest: Manifest, evaluation: Mapping[str, object]) -> dict[str, object]:
    provenance, outcome = manifest.provenance, manifest.outcome
    return {
        "name": provenance.study,
        "purpose": _purpose(manifest),
        "advice": ADVICE,
        "outcome": {**outcome_to_json(outcome), "unit": outcome.unit, "scale": outcome.margin_unit},
        "drugs": [one.drug for one in manifest.outcomes],
        "treatments": [] if manifest.question is None else list(manifest.question.options),
        "population": {
            "n": provenance.n_patients,
            "trained_on": provenance.trained_on,
            "cohort_fingerprint": provenance.cohort_fingerprint,
        },
        "features": [{"name": f.name, "label": f.label, "unit": f.unit} for f in manifest.catalog],
        "silence_read_as_no": list(manifest.absent),
        "performance": evaluation.get("protocols", {}),
        "subgroups": without_small_cells(evaluation.get("subgroups", {})),
        "remarks": list(_texts(evaluation.get("remarks", []))),
        "limits": _limits(manifest),
        "made": {"created": provenance.created, "git_commit": provenance.git_commit, "seed": provenance.seed},
    }


def _purpose(manifest: Manifest) -> str:
    outcome, drugs = manifest.outcome, len(manifest.outcomes)
    name = outcome.name.replace("_", " ")
    what = f"the probability of {outcome.event}" if isinstance(outcome, BinaryOutcome) else name
    of = f"{drugs} drugs" if drugs > 1 else outcome.drug
    unit = "" if outcome.unit == "1" else f" in {outcome.unit}"
    return f"Estimates {what} of {of}{unit}, with an interval and the exact contribution of every feature."


def _limits(manifest: Manifest) -> list[str]:
    drug = manifest.outcome.drug if len(manifest.outcomes) == 1 else "one of these drugs"
    return [
        f"Learned from patients as described under population; whoever differs from them, or takes {drug} "
        "for another reason, may be answered worse than the figures say.",
        "Intervals hold on average within the groups they were made for, not for each patient, and may "
        "cover less at sites the model has never seen.",
        "Contributions explain the model's answer. They are not effects of changing a patient's treatment.",
        "A missing value is filled or read as no, and a notice beside the answer says so; without what is "
        "required no number is given.",
        "Contributions and answers are genetic data of the patient, and are to be protected as such.",
    ]


def _markdown(data: dict) -> str:
    unit = data["outcome"]["unit"]
    lines = [f"# Model card: {data['name']}", "", data["purpose"], "", f"**{ADVICE}**", ""]
    population = data["population"]
    lines += ["## Population", "", f"Trained on {population['n']} patients. {population['trained_on']}", ""]
    lines += ["## Performance", ""]
    for protocol, found in data["performance"].items():
        lines += [f"### {spoken(protocol)}", "", *_table(found, unit), ""]
    lines += _subgroups(data["subgroups"], unit)
    if data["remarks"]:
        lines += ["## What stands out", "", *(f"- {text}" for text in data["remarks"]), ""]
    lines += ["## Limits", "", *(f"- {text}" for text in data["limits"]), ""]
    lines += ["## What it reads", "", *(_feature(feature) for feature in data["features"]), ""]
    if data["silence_read_as_no"]:
        lines += ["Silence is read as no for: " + ", ".join(data["silence_read_as_no"]) + ".", ""]
    made = data["made"]
    lines += ["## Made", "", f"{made['created']}, commit {made['git_commit']}, seed {made['seed']}."]
    return "\n".join(lines) + "\n"


def _subgroups(subgroups: Mapping[str, Mapping], unit: str) -> list[str]:
    lines = []
    for protocol, variables in subgroups.items():
        for variable, levels in variables.items():
            models = {level: who["model"] for level, who in levels.items() if "model" in who}
            if models:
                lines += [f"### {spoken(protocol)}, by {spoken(variable)}", "", *_table(models, unit), ""]
    return ["## Subgroups", "", *lines] if lines else []


def _table(rows: Mapping[str, Mapping], unit: str) -> list[str]:
    shown = [metric for metric in METRICS if any(metric in found for found in rows.values())]
    titles = [METRICS[metric].format(unit=unit) for metric in shown]
    head = ["| | " + " | ".join(titles) + " |", "| --- |" + " ---: |" * len(shown)]
    return head + [
        f"| {spoken(who)} | " + " | ".join(_figure(found.get(metric)) for metric in shown) + " |"
        for who, found in rows.items()
    ]


def _figure(found: object) -> str:
    told = found if isinstance(found, Mapping) else {"value": found}
    value, lower, upper = (told.get(name) for name in ("value", "lower", "upper"))
    if not isinstance(value, float | int):
        return "not told"
    if isinstance(lower, float | int) and isinstance(upper, float | int):
        return f"{value:.2f} ({lower:.2f} to {upper:.2f})"
    return f"{value:.2f}"


def _feature(feature: Mapping[str, str]) -> str:
    unit = "" if feature["unit"] in ("", "1") else f" ({feature['unit']})"
    return f"- {feature['label']}{unit}, `{feature['name']}`"


def without_small_cells(found: object) -> object:
    """The same tree without any branch that says it holds fewer than ten patients (`n`)."""
    if isinstance(found, Mapping):
        return {key: without_small_cells(own) for key, own in found.items() if not _is_small(own)}
    if isinstance(found, list):
        return [without_small_cells(own) for own in found if not _is_small(own)]
    return found


def _is_small(branch: object) -> bool:
    n = branch.get("n") if isinstance(branch, Mapping) else None
    return isinstance(n, int) and n < SMALLEST_CELL


def _texts(found: object) -> Iterable[str]:
    return (str(text) for text in found) if isinstance(found, Iterable) else ()


def spoken(name: str) -> str:
    """A name of the code as a reader says it."""
    return name.replace("_", " ")

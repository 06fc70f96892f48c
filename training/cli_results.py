"""What commands show of checks, evaluations, fits and answered folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from training.cli_views import grid, next_step
from training.gates import GateResult
from training.predict_folder import PredictedFolder
from training.prepared import StudyCheck
from training.run import RunResult

# How each figure reads: heading, decimals, and what follows the number.
_METRICS = {
    "auc": (">AUC", 3, ""),
    "auc_within": (">AUC within", 3, ""),
    "spearman": (">Spearman", 3, ""),
    "brier": (">Brier", 3, ""),
    "slope": (">slope", 2, ""),
    "mae": (">error (MAE)", 2, ""),
    "r2": (">R2", 3, ""),
    "within20": (">within 20%", 1, "%"),
    "coverage90": (">90% covers", 1, "%"),
    "decided": (">decided", 1, "%"),
}


@dataclass(frozen=True)
class Checked:
    """A study held against its data."""

    found: StudyCheck
    asked: str

    def document(self) -> object:
        """Counts, exclusions, and the share of patients for whom each feature is recorded."""
        document = asdict(self.found)
        missing = document.pop("missing")
        return document | {"usable": {feature: 1.0 - share for feature, share in missing.items()}}

    def table(self) -> RenderableType:
        """Who is in the population, and how much of each feature is recorded."""
        found = self.found
        people = grid("population", ">patients")
        people.add_row("in the source", f"{found.n_source:,}")
        for rule, n_left_out in found.exclusions:
            people.add_row(Text(f"  left out by the rule: {rule}"), f"{n_left_out:,}")
        people.add_row("in the study", f"{found.n_population:,}", style="bold")
        features = grid("feature", ">recorded for")
        for name, share in found.missing.items():
            features.add_row(Text(name), f"{1 - share:.1%}")
        study = found.study
        return Group(
            people,
            Text(),
            features,
            Text(),
            *(Text(f"- {said}") for said in found.suspicions),
            Text(f"{study}: no fault found{', but see above' if found.suspicions else ''}."),
            next_step(f"rxplain fit {self.asked}"),
        )


@dataclass(frozen=True)
class Evaluated:
    """An evaluation: `protocols.<name>.<who>.<metric>` with value, lower and upper, and more."""

    evaluation: Mapping

    def document(self) -> object:
        """The evaluation's own document, unchanged."""
        return self.evaluation

    def table(self) -> RenderableType:
        """One table a protocol, the model first, and the remarks."""
        tables = [comparison(name, whos) for name, whos in self.evaluation["protocols"].items()]
        wins = [
            Text(f"{protocol}: the model's error is lower than that of {who} in {share:.0%} of the splits")
            for protocol, shares in self.evaluation.get("wins", {}).items()
            for who, share in shares.items()
            if who == "iwpc_pharmacogenetic"
        ]
        remarks = [Text(f"- {remark}") for remark in self.evaluation.get("remarks", ())]
        return Group(*tables, *wins, *remarks)


@dataclass(frozen=True)
class Fitted:
    """A trained candidate, its gates and its version."""

    result: RunResult

    def document(self) -> object:
        """Version, digest, run, gates, and where things lie."""
        result = self.result
        return {
            "study": result.study,
            "version": int(result.version),
            "digest": result.digest,
            "run_id": result.run_id,
            "bundle": str(result.bundle),
            "figures": str(result.figures),
            "gates_passed": result.gates_passed,
            "gates": [asdict(gate) for gate in result.gates],
            "protocols": result.evaluation.document["protocols"],
        }

    def table(self) -> RenderableType:
        """The evaluation, the gates, and what to do next."""
        result = self.result
        passed = f"rxplain promote {result.study}"
        step = passed if result.gates_passed else f"rxplain show {result.study}"
        made = f"{result.study} version {result.version}, bundle {result.digest[:12]}"
        where = Text(f"{made}; report and figures in {result.figures}")
        shown = Evaluated(result.evaluation.document).table()
        return Group(shown, Text(), gates_table(result.gates), Text(), where, next_step(step))


@dataclass(frozen=True)
class Predicted:
    """A folder that was answered."""

    done: PredictedFolder

    def document(self) -> object:
        """Counts, files, and which bundle answered."""
        return asdict(self.done)

    def table(self) -> RenderableType:
        """One sentence."""
        done = self.done
        by = f"by version {done.version}, bundle {done.digest[:12]}"
        said = f"{done.n_patients:,} patients answered {by}, {done.n_declined:,} declined: {done.out}"
        lines = [said, *([f"contributions: {done.explain}"] if done.explain else [])]
        return Text("\n".join(lines))


def comparison(protocol: str, whos: Mapping[str, Mapping]) -> RenderableType:
    """Who erred by how much under one protocol, with 95% intervals below; fits 80 columns."""
    present = [metric for metric in _METRICS if any(metric in found for found in whos.values())]
    table = grid("", *(_METRICS[metric][0] for metric in present), title=f"\n{protocol}")
    for who, found in whos.items():
        cells = [_figure(found.get(metric), metric) for metric in present]
        table.add_row(who, *cells, style="bold" if who == "model" else "")
    return table


def gates_table(gates: Sequence[GateResult]) -> RenderableType:
    """What the study asks of a candidate, what was found, and whether it passed."""
    table = grid("gate", "asked", ">found", "")
    for gate in gates:
        word = Text("passed", style="green") if gate.passed else Text("missed", style="bold red")
        table.add_row(Text(gate.name), Text(gate.asked), f"{gate.found:.4g}", word)
    return table


def _figure(found: Mapping[str, float] | None, metric: str) -> str:
    if not found or found.get("value") is None:
        return ""
    _, decimals, suffix = _METRICS[metric]
    text = f"{found['value']:.{decimals}f}{suffix}"
    if found.get("lower") is None or found.get("upper") is None:
        return text
    coarse = min(decimals, 2)
    return f"{text}\n{found['lower']:.{coarse}f} to {found['upper']:.{coarse}f}"

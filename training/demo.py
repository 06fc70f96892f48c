"""From real patients to an explained dose in one command: data, training, gates, a live server, a page."""

from __future__ import annotations

import getpass
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from features.cohort import Cohort
from features.encode import FeatureSpec, encode
from features.errors import IntegrityError
from features.readers.document import to_document
from models.results import ADDITIVITY_TOLERANCE
from training.cli_results import Evaluated, gates_table
from training.cli_views import grid, next_step
from training.datasets.catalog import find_source, load_folder, provide
from training.live_server import live_server
from training.population import select_population
from training.prepared import Progress
from training.promotion import promote
from training.run import RunResult, run_study
from training.study import Study, load_study

STUDY = "warfarin"
_N_SHOWN = 8

Work = Callable[[], AbstractContextManager[Progress]]


def run_demo(home: Path, data: Path, at_work: Work) -> None:
    """The whole way, told step by step; a second run finds what is there already and is quicker."""
    console = Console()
    study = load_study(STUDY)
    _heading(console, 1, "Real patients")
    _tell_data(console, study, provide(study.dataset, data, home))
    _heading(console, 2, "Training and honest evaluation")
    with at_work() as progress:
        result = run_study(study, data, home, progress)
    console.print(Evaluated(result.evaluation.document).table())
    _heading(console, 3, "Gates and promotion")
    console.print(gates_table(result.gates))
    _, version = promote(home, study.name, int(result.version), "rxplain demo", getpass.getuser())
    console.print(
        f"Version {version} is the champion; bundle {result.digest[:12]} proved itself.", highlight=False
    )
    _heading(console, 4, "One patient, answered by a live server")
    page, address = _ask_server(console, study, home, data)
    _tell_end(console, result, page, address)


def _heading(console: Console, number: int, title: str) -> None:
    console.print(Text(f"\n{number}. {title}", style="bold"))


def _tell_data(console: Console, study: Study, folder: Path) -> None:
    source = find_source(study.dataset)
    console.print(Text(f"{source.title}\n{source.citation}\nTerms: {source.terms}\nKept in {folder}"))


def _ask_server(console: Console, study: Study, home: Path, data: Path) -> tuple[Path, str]:
    """Sends one patient's document to a server process; the answer's page as a file, and its address."""
    cohort = select_population(study, load_folder(study.dataset, provide(study.dataset, data, home))).cohort
    patient = most_to_tell(cohort, study)
    document = to_document(cohort, patient)
    observed = float(cohort.take([patient]).outcome(study.outcome.name)[0])
    with live_server(home / "demo" / "server.log") as server:
        answer = server.post("/v1/predict", {"study": study.name, "patient": document})
        explanation = answer["explanation"]
        check_additive(explanation)
        _tell_answer(console, answer, observed)
        page = home / "demo" / "review.html"
        address = f"/review/{answer['id']}"
        page.write_bytes(server.get(address))
    return page, address


def most_to_tell(cohort: Cohort, study: Study) -> str:
    """The patient with the most facts recorded and not zero, genotypes first; the first of several."""
    matrix = encode(cohort, FeatureSpec(study.features, study.spec.linked_snps))
    said = ~np.isnan(matrix.values) & (matrix.values != 0)
    genetic = np.array([feature.block == "genotype" for feature in matrix.features])
    weight = np.where(genetic, len(genetic), 1)
    return cohort.patient_ids[int(np.argmax((said * weight).sum(axis=1)))]


def check_additive(explanation: Mapping) -> None:
    """Refuses an explanation whose base and contributions do not make up its margin."""
    total = math.fsum([explanation["base"], *(row["contribution"] for row in explanation["features"])])
    if not abs(total - explanation["margin"]) <= ADDITIVITY_TOLERANCE:
        raise IntegrityError("the served contributions do not add up to the served margin")


def _tell_answer(console: Console, answer: Mapping, observed: float) -> None:
    unit, interval, explanation = answer["unit"], answer["interval"], answer["explanation"]
    said = f"{answer['value']:.1f} {unit}; {interval['level']:.0%} interval {_ends(interval)} {unit}"
    seen = f"treatment found {observed:.1f} {unit}; this patient was among those learned from"
    console.print(Text(f"{answer['drug']}, {answer['outcome']}: {said}", style="bold"))
    console.print(Text(f"({seen})"))
    rows = sorted(explanation["features"], key=lambda row: -abs(row["contribution"]))
    table = grid("contribution to the margin", ">recorded", f">{explanation['scale']}")
    table.add_row("base", "", f"{explanation['base']:+.3f}")
    for row in rows[:_N_SHOWN]:
        table.add_row(Text(row["label"]), Text(_recorded(row)), f"{row['contribution']:+.3f}")
    rest = math.fsum(row["contribution"] for row in rows[_N_SHOWN:])
    table.add_row(f"{len(rows) - _N_SHOWN} others", "", f"{rest:+.3f}")
    table.add_row("margin", "", f"{explanation['margin']:+.3f}", style="bold")
    console.print(table)
    console.print("base + contributions = margin: checked on the served answer")
    for notice in answer["notices"]:
        console.print(Text(f"{notice['severity']}: {notice['text']}"))


def _recorded(row: Mapping) -> str:
    """A feature's value as a reader says it; a count or a yes has no unit."""
    if row["value"] is None:
        return "not recorded"
    return f"{row['value']:.4g} {row['unit']}".removesuffix(" 1")


def _ends(interval: Mapping) -> str:
    ends = [("unbounded" if end is None else f"{end:.1f}") for end in (interval["lower"], interval["upper"])]
    return " to ".join(ends)


def _tell_end(console: Console, result: RunResult, page: Path, address: str) -> None:
    _heading(console, 5, "What to look at")
    for what, path in {
        "review page": page,
        "report": result.figures / "report.html",
        "bundle": result.bundle,
    }.items():
        console.print(Text(f"{what:13}{path}"), soft_wrap=True)
    next_one = f"rxplain serve, then open http://127.0.0.1:8000{address} to question it and sign it off"
    console.print(next_step(next_one), soft_wrap=True)

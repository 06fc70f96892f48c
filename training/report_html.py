"""The report of a run as one self-contained HTML document: no script, no other request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from features.matrix import FeatureMatrix
from models.bundle import LoadedBundle
from training.gates import GateResult
from training.report_contributions import Spread, spreads
from training.report_features import features
from training.report_generic import generic_sections
from training.report_parts import Section, Table, Told
from training.report_sections import coverage, groups, headline, subgroups
from training.report_summary import summary
from training.report_words import large, number
from training.report_worth import abstention, calibration, decision, learning_curve
from training.study import Study

_HERE = Path(__file__).parent


def report_page(
    study: Study,
    document: Mapping[str, Any],
    gates: Sequence[GateResult],
    matrix: FeatureMatrix,
    loaded: LoadedBundle | None,
) -> str:
    """The page of a run; without its bundle it tells what the evaluation tells.

    `matrix` holds the features of the patients that the bundle was fitted on.
    """
    found: tuple[Spread, ...] = () if loaded is None else spreads(matrix, loaded.models)
    scale = "" if loaded is None else loaded.models.models[0].outcome.margin_unit
    return page(study, document, gates, _provenance(study, document, loaded), features(found, scale))


def page(
    study: Study,
    document: Mapping[str, Any],
    gates: Sequence[GateResult],
    provenance: Sequence[tuple[str, str]],
    contributions: Section | None = None,
) -> str:
    """The HTML of an evaluation, its gates, where it comes from, and what answers are made of."""
    told = Told(study, large(document))
    own = (headline, groups, subgroups, calibration, coverage, decision, abstention, learning_curve)
    drawn = [section for build in own if (section := build(told)) is not None]
    sections = [*drawn, *([contributions] if contributions else []), *generic_sections(told.document)]
    return _template().render(
        study=study,
        n=number(int(told.document.get("n", 0))),
        summary=summary(told),
        remarks=_remarks(told),
        sections=sections,
        gates=_gates(gates),
        missed=[gate.name for gate in gates if not gate.passed],
        provenance=provenance,
        css=Markup((_HERE / "static" / "report.css").read_text(encoding="utf-8")),
    )


def _remarks(told: Told) -> list[str]:
    """The evaluation's remarks and caveats, without what the summary says of a protocol already."""
    said_above = () if told.study.panel else tuple(f"{name}: " for name, _ in told.protocols("protocols"))
    return [str(words) for words in told.document.get("remarks", ()) if not str(words).startswith(said_above)]


def _gates(gates: Sequence[GateResult]) -> Table | None:
    rows = [
        [gate.name, gate.asked, number(float(gate.found), 3), "passed" if gate.passed else "missed"]
        for gate in gates
    ]
    return Table("", ["Gate", "Asked", "Found", ""], rows) if rows else None


def _provenance(
    study: Study, document: Mapping[str, Any], loaded: LoadedBundle | None
) -> list[tuple[str, str]]:
    """Digests, versions, seed and commit by which the run can be told from any other."""
    told = [
        ("study", study.name),
        ("study's file, SHA-256", study.sha256),
        ("cohort's fingerprint", str(document.get("cohort_fingerprint", ""))),
        ("seed", str(study.seed)),
    ]
    if loaded is None:
        return told
    made = loaded.manifest.provenance
    versions = ", ".join(f"{name} {version}" for name, version in made.versions.items())
    return [
        *told,
        ("splits, SHA-256", made.splits_sha256),
        ("bundle, SHA-256", loaded.digest),
        ("commit", made.git_commit),
        ("made", made.created),
        ("versions", versions),
        ("learned from", made.trained_on),
    ]


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")

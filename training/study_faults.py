"""What is well written in a study's sections but cannot be meant; each section is judged by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from features.encode import declaration_faults
from features.errors import Fault
from models.outcome import DIRECTIONS, LINKS
from training.study_parts import TIME_TO_EVENT, Gate, ModelAsked, OutcomeAsked, Protocol, VariableAsked

if TYPE_CHECKING:
    from training.study import Study

UNSETTLED = "?"
"""What `rxplain new` writes where somebody has to decide."""

PROTOCOLS = ("random", "folds", "group", "time", "external")

_LEARNERS = ("linear", "ridge", "trees", "panel")
_KINDS = ("continuous", "binary", TIME_TO_EVENT)


def faults_of_parts(parts: Mapping[str, Any]) -> list[Fault]:
    """Of every section that could be read (by its name in the file), so that all are told together."""
    faults = [] if parts.get("outcome") is None else _of_outcome(parts["outcome"])
    faults += [] if parts.get("model") is None else _of_model(parts["model"])
    if not any(name in parts for name in _LEARNERS):
        faults.append(Fault("study", "has no member", "write [linear], [ridge] or [trees]"))
    for i, protocol in enumerate(parts["protocols"]):
        faults += [Fault(f"protocols[{i}]{key}", what) for key, what in _protocol_faults(protocol)]
    faults += _of_gates(parts["gates"]) + _of_variables(parts.get("variables", ()))
    return faults + _of_analyses(parts)


def _of_model(model: ModelAsked) -> list[Fault]:
    faults = []
    if model.inner_folds < 2:
        faults.append(Fault("model.inner_folds", "is below 2"))
    if model.without not in ("filled", "refitted"):
        faults.append(Fault("model.without", "is neither 'filled' nor 'refitted'"))
    return faults


def _of_gates(gates: Sequence[Gate]) -> list[Fault]:
    unbound = [i for i, gate in enumerate(gates) if gate.at_least is None and gate.at_most is None]
    return [Fault(f"gates[{i}]", "has no bound", "give at_least, at_most or both") for i in unbound]


def _of_variables(variables: Sequence[VariableAsked]) -> list[Fault]:
    unsettled = [asked for asked in variables if asked.unit == UNSETTLED]
    remedy = "write the UCUM code of its values, such as 'mg/L', or '1' where it has none"
    faults = [Fault(f"variable '{asked.name}'", "its unit is not settled", remedy) for asked in unsettled]
    return faults + declaration_faults(asked.variable() for asked in variables)


def _of_outcome(asked: OutcomeAsked) -> list[Fault]:
    unsettled = asked.drug == UNSETTLED
    faults = [Fault("outcome.drug", "is not settled", "name the drug or treatment")] if unsettled else []
    if asked.better not in DIRECTIONS:
        faults.append(
            Fault("outcome.better", "is neither 'higher' nor 'lower'", "leave it out if neither helps")
        )
    if asked.kind not in _KINDS:
        offered = "use 'continuous', 'binary' or 'time-to-event'"
        faults.append(
            Fault("outcome.kind", "is neither 'continuous' nor 'binary' nor a time to an event", offered)
        )
    elif asked.has_horizon:
        faults += _of_horizon(asked)
    elif asked.is_binary:
        faults += _of_event(asked)
    else:
        faults += _of_quantity(asked)
    return faults


def _of_event(asked: OutcomeAsked) -> list[Fault]:
    unsettled = asked.event in ("", UNSETTLED)
    return [Fault("outcome.event", "is missing", "say what a 1 means")] if unsettled else []


def _of_horizon(asked: OutcomeAsked) -> list[Fault]:
    needed = {"time": asked.time, "happened": asked.happened, "horizon_unit": asked.horizon_unit}
    remedy = "name the outcomes that hold time and event, and the unit of time"
    faults = [Fault(f"outcome.{key}", "is missing", remedy) for key, text in needed.items() if not text]
    if asked.horizon <= 0:
        faults.append(Fault("outcome.horizon", "is not above 0", "say by when the event is asked about"))
    if asked.name in (asked.time, asked.happened):
        faults.append(Fault("outcome.name", "is the name of time or event", "choose a name of its own"))
    return _of_event(asked) + faults


def _of_quantity(asked: OutcomeAsked) -> list[Fault]:
    remedy = f"use {', '.join(LINKS)}"
    strange = [link for link in asked.links if link not in LINKS]
    faults = [Fault("outcome.links", f"'{link}' is not known", remedy) for link in strange]
    if asked.unit == UNSETTLED:
        faults.append(
            Fault("outcome.unit", "is not settled", "write its UCUM code, or '1' where it has none")
        )
    if not asked.links or asked.lowest >= asked.highest:
        faults.append(Fault("outcome", "needs a link, and lowest below highest"))
    return faults


def _protocol_faults(protocol: Protocol) -> list[tuple[str, str]]:
    if protocol.kind not in PROTOCOLS:
        return [(".kind", f"is none of {', '.join(map(repr, PROTOCOLS))}")]
    if protocol.kind == "random" and not (protocol.splits > 0 and 0 < protocol.test_share < 1):
        return [("", "needs splits above 0 and test_share between 0 and 1")]
    if protocol.kind == "folds" and not (protocol.splits > 0 and protocol.folds > 1):
        return [("", "needs splits above 0 and folds above 1")]
    if protocol.kind in ("group", "time") and not protocol.group:
        return [(".group", "is missing")]
    if protocol.kind == "time" and not (protocol.cuts or protocol.splits > 0):
        return [("", "needs cuts, or splits above 0")]
    if protocol.kind == "external" and not protocol.dataset:
        return [(".dataset", "is missing")]
    return []


def block_of(name: str) -> str:
    """The block of a feature, of a logarithm that of its feature."""
    return name.removeprefix("log2.").partition(".")[0]


def faults_of_features(study: Study) -> list[Fault]:
    """What names features, masks and blocks that the study does not serve."""

    def is_served(name: str) -> bool:
        return any(fnmatchcase(name, served.replace("[", "[[]")) for served in study.features)

    exact = set(study.features)
    open_ended = any(".*" in name for name in exact)
    faults = [
        Fault("spec.absent", f"'{n}' is not among spec.names")
        for n in study.spec.absent
        if n not in exact and not (open_ended and is_served(n))
    ]
    for where, groups in (("masks", study.model.masks), ("required_any", study.model.required_any)):
        named = (n for g in groups for n in g if n not in exact and not (open_ended and is_served(n)))
        faults += [Fault(f"model.{where}", f"'{n}' is not served") for n in named]
    blocks = set(map(block_of, exact)) - {"interaction"}
    faults += [
        Fault("model.mask_blocks", f"'{b}' is no block that is served", f"use {', '.join(sorted(blocks))}")
        for b in study.model.mask_blocks
        if b not in blocks
    ]
    strange = {b for variant in study.variants.values() for b in variant} - blocks
    faults += [Fault("variants", f"'{b}' is no block that is served") for b in sorted(strange)]
    if study.variant and study.variant not in study.variants:
        known = ", ".join(study.variants) or "none"
        faults.append(Fault("variant", f"'{study.variant}' is not known", f"the study has: {known}"))
    return faults


def _of_analyses(parts: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with the analyses that the study asks for beyond its protocols."""
    sections = (parts.get(name) for name in ("decision", "learning_curve", "change_plan"))
    faults = [fault for asked in sections if asked is not None for fault in asked.faults()]
    is_panel = "panel" in parts
    held_out = () if is_panel else tuple(p.group for p in parts["protocols"] if p.kind == "group")
    faults += parts["transport"].faults(held_out) if parts.get("transport") else []
    faults += parts["equity"].faults() if parts.get("equity") else []
    faults += parts["tuning"].faults(parts) if parts.get("tuning") else []
    if parts.get("biomarkers"):
        faults += parts["biomarkers"].faults()
        faults += [Fault("biomarkers", "are not told of a panel")] if is_panel else []
    if parts.get("randomisation"):
        faults += parts["randomisation"].faults()
        faults += [Fault("randomisation", "is not told of a panel")] if is_panel else []
    if parts.get("suspicions"):
        faults += parts["suspicions"].faults()
    if is_panel and any(protocol.kind == "external" for protocol in parts["protocols"]):
        faults.append(Fault("protocols", "a panel has no protocol of kind 'external'", "leave it out"))
    return faults

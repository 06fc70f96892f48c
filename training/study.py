"""A study: what is asked, of whom, from which features, and what a candidate must show to be served."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any

from features.derived import parts_of
from features.encode import declaration_faults
from features.errors import Fault, StudyError
from models.outcome import DIRECTIONS, LINKS, LOGIT
from training.study_parts import (
    DecisionAsked,
    FeaturesAsked,
    Gate,
    LearningCurveAsked,
    LinearAsked,
    ModelAsked,
    OutcomeAsked,
    PanelAsked,
    Population,
    Protocol,
    QuestionAsked,
    RidgeAsked,
    TreesAsked,
    VariableAsked,
)
from training.study_text import Dataclass, read_section, read_sections

_SHIPPED = resources.files("training") / "studies"


@dataclass(frozen=True)
class Study:
    """Everything that decides what is trained and judged; `text` is the file as it was read.

    `caveats` are sentences that stand beside the figures wherever they are told.
    """

    name: str
    title: str
    purpose: str
    dataset: str
    seed: int
    comparators: tuple[str, ...]
    subgroups: tuple[str, ...]
    outcome: OutcomeAsked
    population: Population
    spec: FeaturesAsked
    model: ModelAsked
    protocols: tuple[Protocol, ...]
    gates: tuple[Gate, ...]
    text: str
    linear: LinearAsked | None = None
    ridge: RidgeAsked | None = None
    trees: TreesAsked | None = None
    panel: PanelAsked | None = None
    question: QuestionAsked | None = None
    decision: DecisionAsked | None = None
    learning_curve: LearningCurveAsked | None = None
    variables: tuple[VariableAsked, ...] = ()
    caveats: tuple[str, ...] = ()
    within: str = ""
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    variant: str = ""

    @property
    def sha256(self) -> str:
        """Digest of the file's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the served features as the study writes them, in column order; `*` stands for genes."""
        return self.spec.names

    @property
    def links(self) -> tuple[str, ...]:
        """The links to choose among; a binary outcome has one."""
        return (LOGIT,) if self.outcome.is_binary else self.outcome.links


@dataclass(frozen=True)
class _Head:
    name: str
    title: str
    purpose: str
    dataset: str
    seed: int
    comparators: tuple[str, ...]
    subgroups: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    within: str = ""
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    variant: str = ""


_SECTIONS: Mapping[str, type[Dataclass]] = {
    "outcome": OutcomeAsked,
    "population": Population,
    "spec": FeaturesAsked,
    "model": ModelAsked,
}
_OPTIONAL: Mapping[str, type[Dataclass]] = {
    "linear": LinearAsked,
    "ridge": RidgeAsked,
    "trees": TreesAsked,
    "panel": PanelAsked,
    "question": QuestionAsked,
    "decision": DecisionAsked,
    "learning_curve": LearningCurveAsked,
}
_ARRAYS: Mapping[str, type[Dataclass]] = {"protocols": Protocol, "gates": Gate}
_OPTIONAL_ARRAYS: Mapping[str, type[Dataclass]] = {"variables": VariableAsked}


def study_names() -> tuple[str, ...]:
    """The studies that come with the package."""
    files = (file.name for file in _SHIPPED.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def load_study(name_or_path: str | Path) -> Study:
    """A shipped study by name (`<study>:<variant>` for a variant), or any by the path of its TOML file."""
    name, _, variant = str(name_or_path).partition(":")
    if name in study_names():
        text = (_SHIPPED / f"{name}.toml").read_text(encoding="utf-8")
        return read_study(f'variant = "{variant}"\n{text}' if variant else text)
    path = Path(name_or_path)
    if path.suffix != ".toml" or not path.is_file():
        known = ", ".join(study_names())
        raise StudyError(
            f"study '{name_or_path}' is not known; use one of {known}, or the path of a TOML file"
        )
    return read_study(path.read_text(encoding="utf-8"))


def read_study(text: str) -> Study:
    """A study from its text; every fault is told at once."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"the study is not TOML: {error}") from error
    faults: list[Fault] = []
    keys = _SECTIONS.keys() | _ARRAYS.keys() | _OPTIONAL.keys() | _OPTIONAL_ARRAYS.keys()
    head = read_section(_Head, {k: v for k, v in given.items() if k not in keys}, "study", faults)
    parts: dict[str, Any] = {  # Any: each key has the kind that its table names, None only beside a fault
        **{k: read_section(kind, given.get(k), k, faults) for k, kind in _SECTIONS.items()},
        **{k: read_section(kind, given[k], k, faults) for k, kind in _OPTIONAL.items() if k in given},
        **{k: read_sections(kind, given.get(k), k, faults) for k, kind in _ARRAYS.items()},
        **{k: read_sections(v, given[k], k, faults) for k, v in _OPTIONAL_ARRAYS.items() if k in given},
    }
    if not faults:
        study = Study(**vars(head), **parts, text=text)
        faults = _contradictions(study)
    if faults:
        raise StudyError(f"{len(faults)} faults in the study", faults)
    return _variant(study) if study.variant else study


def _variant(study: Study) -> Study:
    """The study on the blocks of its variant alone; what is asked of other blocks is left out."""
    kept = set(study.variants[study.variant])

    def stays(name: str) -> bool:
        return all(_block(part) in kept for part in (parts_of(name) or (name,)))

    def compared(name: str) -> bool:
        blocks = name.removeprefix("only:").split("+") if name.startswith("only:") else ()
        return kept.issuperset(blocks) and set(blocks) != kept

    model = replace(
        study.model,
        mask_blocks=tuple(block for block in study.model.mask_blocks if block in kept),
        masks=tuple(mask for mask in study.model.masks if all(map(stays, mask))),
        required_any=tuple(g for g in (tuple(filter(stays, r)) for r in study.model.required_any) if g),
    )
    names = tuple(filter(stays, study.spec.names))
    spec = replace(study.spec, names=names, absent=tuple(filter(stays, study.spec.absent)))
    comparators = tuple(filter(compared, study.comparators))
    name, title = f"{study.name}-{study.variant}", f"{study.title} ({study.variant.replace('_', ' ')})"
    return replace(study, name=name, title=title, spec=spec, model=model, comparators=comparators, gates=())


def _block(name: str) -> str:
    return name.removeprefix("log2.").partition(".")[0]


def _contradictions(study: Study) -> list[Fault]:
    """What is well written but cannot be meant."""
    faults = _of_features(study) + _of_outcome(study)
    if study.model.inner_folds < 2:
        faults.append(Fault("model.inner_folds", "is below 2"))
    if study.model.without not in ("filled", "refitted"):
        faults.append(Fault("model.without", "is neither 'filled' nor 'refitted'"))
    learners = (study.linear, study.ridge, study.trees, study.panel)
    if not any(learners):
        faults.append(Fault("study", "has no member", "write [linear], [ridge] or [trees]"))
    for i, protocol in enumerate(study.protocols):
        faults += [Fault(f"protocols[{i}]{key}", what) for key, what in _protocol_faults(protocol)]
    for i, gate in enumerate(study.gates):
        if gate.at_least is None and gate.at_most is None:
            faults.append(Fault(f"gates[{i}]", "has no bound", "give at_least, at_most or both"))
    for asked in (study.decision, study.learning_curve):
        faults += [] if asked is None else asked.faults()
    faults += declaration_faults(variable.variable() for variable in study.variables)
    return faults


def _of_features(study: Study) -> list[Fault]:
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
    blocks = set(map(_block, exact)) - {"interaction"}
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


def _of_outcome(study: Study) -> list[Fault]:
    asked = study.outcome
    if asked.kind not in ("continuous", "binary"):
        return [Fault("outcome.kind", "is neither 'continuous' nor 'binary'")]
    if asked.better not in DIRECTIONS:
        return [Fault("outcome.better", "is neither 'higher' nor 'lower'", "leave it out if neither helps")]
    if asked.is_binary:
        return [] if asked.event else [Fault("outcome.event", "is missing", "say what a 1 means")]
    faults = [
        Fault("outcome.links", f"'{link}' is not known", f"use {', '.join(LINKS)}")
        for link in asked.links
        if link not in LINKS
    ]
    if not asked.links or asked.lowest >= asked.highest:
        faults.append(Fault("outcome", "needs a link, and lowest below highest"))
    return faults


def _protocol_faults(protocol: Protocol) -> list[tuple[str, str]]:
    if protocol.kind not in ("random", "folds", "group"):
        return [(".kind", "is none of 'random', 'folds' and 'group'")]
    if protocol.kind == "random" and not (protocol.splits > 0 and 0 < protocol.test_share < 1):
        return [("", "needs splits above 0 and test_share between 0 and 1")]
    if protocol.kind == "folds" and not (protocol.splits > 0 and protocol.folds > 1):
        return [("", "needs splits above 0 and folds above 1")]
    if protocol.kind == "group" and not protocol.group:
        return [(".group", "is missing")]
    return []

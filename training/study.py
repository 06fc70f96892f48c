"""A study: what is asked, of whom, from which features, and what a candidate must show to be served."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from features.errors import Fault, StudyError
from training.study_text import Dataclass, read_section, read_sections

_SHIPPED = resources.files("training") / "studies"


@dataclass(frozen=True)
class OutcomeAsked:
    """What is predicted; the link is chosen among `links` inside each training part."""

    drug: str
    name: str
    unit: str
    links: tuple[str, ...]
    lowest: float
    highest: float


@dataclass(frozen=True)
class Population:
    """Whom the study is about, told by what is recorded of them."""

    require: tuple[str, ...] = ()
    require_any: tuple[tuple[str, ...], ...] = ()
    require_outcomes: tuple[str, ...] = ()
    outcome_below: float | None = None
    exclude_calls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class FeaturesAsked:
    """The served specification; `absent` columns are read as 0 where nothing was recorded."""

    names: tuple[str, ...]
    absent: tuple[str, ...]
    absent_reason: str
    linked_snps: bool = True


@dataclass(frozen=True)
class ModelAsked:
    """How answers are conformalized, and without what no answer is given."""

    strata: str
    masks: tuple[tuple[str, ...], ...]
    required_any: tuple[tuple[str, ...], ...]
    inner_folds: int
    group: str
    minimum: int


@dataclass(frozen=True)
class LinearAsked:
    """Settings of the robust linear member; see `models.estimators.LinearSettings`."""

    alpha: float
    epsilon: float
    group_scale: float


@dataclass(frozen=True)
class TreesAsked:
    """Settings of the boosted member; see `models.estimators.TreeSettings`."""

    objective: str
    num_leaves: int
    n_trees: int
    learning_rate: float
    min_data_in_leaf: int
    lambda_l2: float
    feature_fraction: float
    bagging_fraction: float
    max_bin: int


@dataclass(frozen=True)
class Protocol:
    """One way of holding patients out: `random` (shares) or `group` (each level of a group in turn)."""

    name: str
    kind: str
    splits: int = 0
    test_share: float = 0.2
    group: str = ""


@dataclass(frozen=True)
class Gate:
    """A figure of the evaluation (a dotted path; `*` is the worst level) and its bound."""

    name: str
    figure: str
    at_least: float | None = None
    at_most: float | None = None
    minimum_n: int = 0


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
    linear: LinearAsked
    trees: TreesAsked
    protocols: tuple[Protocol, ...]
    gates: tuple[Gate, ...]
    text: str
    caveats: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Digest of the file's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the served features, in column order."""
        return self.spec.names


@dataclass(frozen=True)
class _Head:
    name: str
    title: str
    purpose: str
    dataset: str
    seed: int
    comparators: tuple[str, ...]
    subgroups: tuple[str, ...]
    caveats: tuple[str, ...] = ()


_SECTIONS: Mapping[str, type[Dataclass]] = {
    "outcome": OutcomeAsked,
    "population": Population,
    "spec": FeaturesAsked,
    "model": ModelAsked,
    "linear": LinearAsked,
    "trees": TreesAsked,
}
_ARRAYS: Mapping[str, type[Dataclass]] = {"protocols": Protocol, "gates": Gate}


def study_names() -> tuple[str, ...]:
    """The studies that come with the package."""
    files = (file.name for file in _SHIPPED.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def load_study(name_or_path: str | Path) -> Study:
    """A shipped study by name, or any study by the path of its TOML file."""
    if str(name_or_path) in study_names():
        return read_study((_SHIPPED / f"{name_or_path}.toml").read_text(encoding="utf-8"))
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
    keys = _SECTIONS.keys() | _ARRAYS.keys()
    head = read_section(_Head, {k: v for k, v in given.items() if k not in keys}, "study", faults)
    parts: dict[str, Any] = {  # Any: each key has the kind that its table names, None only beside a fault
        **{k: read_section(kind, given.get(k), k, faults) for k, kind in _SECTIONS.items()},
        **{k: read_sections(kind, given.get(k), k, faults) for k, kind in _ARRAYS.items()},
    }
    if not faults:
        study = Study(**vars(head), **parts, text=text)
        faults = _contradictions(study)
    if faults:
        raise StudyError(f"{len(faults)} faults in the study", faults)
    return study


def _contradictions(study: Study) -> list[Fault]:
    """What is well written but cannot be meant."""
    served = set(study.features)
    faults = [
        Fault("spec.absent", f"'{n}' is not among spec.names") for n in study.spec.absent if n not in served
    ]
    for where, groups in (("masks", study.model.masks), ("required_any", study.model.required_any)):
        faults += [
            Fault(f"model.{where}", f"'{n}' is not served") for g in groups for n in g if n not in served
        ]
    if not study.outcome.links or study.outcome.lowest >= study.outcome.highest:
        faults.append(Fault("outcome", "needs a link, and lowest below highest"))
    if study.model.inner_folds < 2:
        faults.append(Fault("model.inner_folds", "is below 2"))
    for i, protocol in enumerate(study.protocols):
        if protocol.kind not in ("random", "group"):
            faults.append(Fault(f"protocols[{i}].kind", "is neither 'random' nor 'group'"))
        elif protocol.kind == "random" and not (protocol.splits > 0 and 0 < protocol.test_share < 1):
            faults.append(Fault(f"protocols[{i}]", "needs splits above 0 and test_share between 0 and 1"))
        elif protocol.kind == "group" and not protocol.group:
            faults.append(Fault(f"protocols[{i}].group", "is missing"))
    for i, gate in enumerate(study.gates):
        if gate.at_least is None and gate.at_most is None:
            faults.append(Fault(f"gates[{i}]", "has no bound", "give at_least, at_most or both"))
    return faults

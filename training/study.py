"""A study: what is asked, of whom, from which features, and what a candidate must show to be served."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from features.derived import parts_of
from features.errors import Fault, StudyError
from models.outcome import LOGIT
from training.change_plan import ChangePlanAsked
from training.study_card import CardAsked
from training.study_equity import EquityAsked, faults_of_equity
from training.study_faults import block_of, faults_of_features, faults_of_parts
from training.study_parts import (
    BiomarkersAsked,
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
    SourceAsked,
    TransportAsked,
    TreesAsked,
    VariableAsked,
)
from training.study_table import TableAsked, table_of
from training.study_text import Dataclass, read_section, read_sections
from training.study_tuning import TuningAsked
from training.study_validation import RandomisationAsked, SuspicionsAsked

_SHIPPED = resources.files("training") / "studies"


@dataclass(frozen=True)
class Study:
    """Everything that decides what is trained and judged; `text` is the file as it was read.

    `caveats` are sentences that stand beside the figures wherever they are told. `folder` is where the file
    lay, from which a relative `dataset` is found.
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
    transport: TransportAsked | None = None
    biomarkers: BiomarkersAsked | None = None
    randomisation: RandomisationAsked | None = None
    suspicions: SuspicionsAsked = field(default_factory=SuspicionsAsked)
    equity: EquityAsked | None = None
    tuning: TuningAsked | None = None
    card: CardAsked | None = None
    decision: DecisionAsked | None = None
    learning_curve: LearningCurveAsked | None = None
    change_plan: ChangePlanAsked | None = None
    variables: tuple[VariableAsked, ...] = ()
    caveats: tuple[str, ...] = ()
    within: str = ""
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    variant: str = ""
    source: SourceAsked = field(default_factory=SourceAsked)
    table: TableAsked | None = None
    folder: Path | None = None

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
    "source": SourceAsked,
    "transport": TransportAsked,
    "biomarkers": BiomarkersAsked,
    "randomisation": RandomisationAsked,
    "suspicions": SuspicionsAsked,
    "equity": EquityAsked,
    "tuning": TuningAsked,
    "card": CardAsked,
    "decision": DecisionAsked,
    "learning_curve": LearningCurveAsked,
    "change_plan": ChangePlanAsked,
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
    return replace(read_study(path.read_text(encoding="utf-8")), folder=path.parent)


def study_name(name_or_path: str) -> str:
    """The name under which a study is registered, of a study that may be given by its TOML file."""
    return load_study(name_or_path).name if name_or_path.endswith(".toml") else name_or_path


def read_study(text: str) -> Study:
    """A study from its text; every fault is told at once."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"the study is not TOML: {error}") from error
    faults: list[Fault] = []
    keys = {"table", *_SECTIONS, *_ARRAYS, *_OPTIONAL, *_OPTIONAL_ARRAYS}
    head = read_section(_Head, {k: v for k, v in given.items() if k not in keys}, "study", faults)
    parts: dict[str, Any] = {  # Any: each key has the kind that its table names, None only beside a fault
        **{k: read_section(kind, given.get(k), k, faults) for k, kind in _SECTIONS.items()},
        **{k: read_section(kind, given[k], k, faults) for k, kind in _OPTIONAL.items() if k in given},
        **{k: read_sections(kind, given.get(k), k, faults) for k, kind in _ARRAYS.items()},
        **{k: read_sections(v, given[k], k, faults) for k, v in _OPTIONAL_ARRAYS.items() if k in given},
    }
    faults += faults_of_parts(parts)
    if "table" in given:
        parts["table"] = table_of(given["table"], parts, faults)
    if head is not None and all(part is not None for part in parts.values()):
        whole = Study(**vars(head), **parts, text=text)
        faults += faults_of_features(whole) + faults_of_equity(whole)
    if head is None or faults:
        raise StudyError(f"{len(faults)} fault{'s' if len(faults) > 1 else ''} in the study", faults)
    study = Study(**vars(head), **parts, text=text)
    return _variant(study) if study.variant else study


def _variant(study: Study) -> Study:
    """The study on the blocks of its variant alone; what is asked of other blocks is left out."""
    kept = set(study.variants[study.variant])

    def stays(name: str) -> bool:
        return all(block_of(part) in kept for part in (parts_of(name) or (name,)))

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

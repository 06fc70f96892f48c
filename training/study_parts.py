"""The sections of a study file, each as a frozen dataclass whose fields are the section's keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from features.errors import Fault
from features.knowledge.tables import ClinicalVariable
from models.outcome import BinaryOutcome, ContinuousOutcome, Outcome
from models.recalibration import LEAST_LOCAL

TIME_TO_EVENT = "time-to-event"


@dataclass(frozen=True)
class SourceAsked:
    """Where a cohort of one's own comes from, in the study's words."""

    title: str = "not stated"
    citation: str = "not stated"
    terms: str = "not stated"


@dataclass(frozen=True)
class OutcomeAsked:
    """What is predicted. Of a `continuous` outcome the link is chosen among `links` in each training part.

    Of a `binary` one `event` says what a 1 means. `better` is `higher`, `lower` or nothing, for ranking. A
    `time-to-event` one asks whether the event came by `horizon` (in `horizon_unit`): the cohort's outcome
    `time` is when it came or the patient was last seen, and `happened` is 1 where it came.
    """

    drug: str
    name: str
    kind: str = "continuous"
    unit: str = "1"
    links: tuple[str, ...] = ()
    lowest: float = 0.0
    highest: float = 1.0
    event: str = ""
    better: str = ""
    time: str = ""
    happened: str = ""
    horizon: float = 0.0
    horizon_unit: str = ""

    @property
    def is_binary(self) -> bool:
        """Whether the answer is a probability."""
        return self.kind == "binary" or self.has_horizon

    @property
    def has_horizon(self) -> bool:
        """Whether it is asked of an event and the time to it."""
        return self.kind == TIME_TO_EVENT

    @property
    def what_happens(self) -> str:
        """The event in words, with its horizon where it has one."""
        return f"{self.event} by {self.horizon:g} {self.horizon_unit}" if self.has_horizon else self.event

    def outcome(self, link: str, drug: str | None = None) -> Outcome:
        """The outcome on one of its links, of the study's drug or of one of its panel."""
        name = self.drug if drug is None else drug
        if self.is_binary:
            return BinaryOutcome(name, self.name, self.what_happens, self.better)
        return ContinuousOutcome(name, self.name, self.unit, link, self.lowest, self.highest, self.better)


@dataclass(frozen=True)
class PanelAsked:
    """A model for every drug whose outcome (`<outcome.name>:<drug>`) is known of `min_patients`.

    `factors` of the panel carry what drugs have in common; see `models.panel_ridge`.
    """

    min_patients: int
    factors: int = 6


@dataclass(frozen=True)
class QuestionAsked:
    """The treatment is an input: a patient can be asked about under each of `options`."""

    variable: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class VariableAsked:
    """A clinical variable of this study: a `quantity` in a UCUM unit, a `flag` or a `category`.

    Its features are named after its `block`, which is what may be missing altogether and is explained
    together; `gene` is the gene it tells of, if it does. `changeable` lets it be asked about otherwise.
    """

    name: str
    kind: str
    label: str
    unit: str = "1"
    lowest: float = -1e12
    highest: float = 1e12
    categories: tuple[str, ...] = ()
    block: str = "clinical"
    gene: str = ""
    changeable: bool = False

    def variable(self) -> ClinicalVariable:
        """The variable as encoders know it."""
        named = self.name, self.kind, self.label, self.unit, self.lowest, self.highest, self.categories
        return ClinicalVariable(
            *named, when_missing="", block=self.block, gene=self.gene or None, changeable=self.changeable
        )


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
    """The served specification; `absent` columns are read as 0 where nothing was recorded.

    A name may say `*` for the gene, as `expression.*.log2_tpm`: it stands for every gene that is measured
    in `least_patients` of the cohort, of a finding for every gene in which that many carry it.
    """

    names: tuple[str, ...]
    absent: tuple[str, ...] = ()
    absent_reason: str = ""
    linked_snps: bool = True
    least_patients: int = 10


@dataclass(frozen=True)
class ModelAsked:
    """How answers are conformalized, and without what no answer is given.

    Of `mask_blocks` every combination may be missing altogether; `without` says whether those patients get
    a model `refitted` without it or the whole model with the gap `filled`.
    """

    strata: str
    required_any: tuple[tuple[str, ...], ...]
    inner_folds: int
    group: str
    minimum: int
    masks: tuple[tuple[str, ...], ...] = ()
    mask_blocks: tuple[str, ...] = ()
    without: str = "filled"


@dataclass(frozen=True)
class LinearAsked:
    """Settings of the robust linear member; see `models.estimators.LinearSettings`."""

    alpha: float
    epsilon: float
    group_scale: float


@dataclass(frozen=True)
class RidgeAsked:
    """The ridge over blocks, whose scales are learned; see `models.block_ridge.learned_settings`.

    `groups` parts blocks further, by name patterns of their features.
    """

    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


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
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True)
class DecisionAsked:
    """The probabilities from which on somebody would act, at which consequences are told."""

    thresholds: tuple[float, ...]

    def faults(self) -> list[Fault]:
        """What is well written but cannot be meant."""
        if self.thresholds and all(0.0 < threshold < 1.0 for threshold in self.thresholds):
            return []
        return [Fault("decision.thresholds", "need one or more between 0 and 1", "write them as [0.2, 0.5]")]


@dataclass(frozen=True)
class LearningCurveAsked:
    """The shares of each training part to learn from, on so many splits of the first protocol."""

    shares: tuple[float, ...]
    splits: int = 5

    def faults(self) -> list[Fault]:
        """What is well written but cannot be meant."""
        faults = []
        if not self.shares or not all(0.0 < share <= 1.0 for share in self.shares):
            remedy = "write them as [0.25, 0.5, 1.0]"
            faults.append(Fault("learning_curve.shares", "need one or more above 0 and up to 1", remedy))
        if self.splits < 1:
            faults.append(Fault("learning_curve.splits", "is below 1"))
        return faults


@dataclass(frozen=True)
class Protocol:
    """One way of holding patients out.

    `random` draws shares, `folds` deals everybody into `folds` parts, `splits` times over (whole levels of
    `group` where one is named), and `group` leaves out each level of a group in turn. `time` learns from what
    came before each of `cuts` and answers for what came until the next one, by dates or numbers of `group`;
    without `cuts` there are `splits` of them, as many patients apart. `external` learns from everybody here
    and answers for the patients of another `dataset`, a source or a folder laid out like the study's own.
    """

    name: str
    kind: str
    splits: int = 0
    folds: int = 0
    test_share: float = 0.2
    group: str = ""
    cuts: tuple[str, ...] = ()
    dataset: str = ""


@dataclass(frozen=True)
class Gate:
    """A figure of the evaluation (a dotted path; `*` is the worst level) and its bound."""

    name: str
    figure: str
    at_least: float | None = None
    at_most: float | None = None
    minimum_n: int = 0


@dataclass(frozen=True)
class TransportAsked:
    """What `local` patients of a new site are worth: drawn `repeats` times from each level of `group`.

    `group` is that of one of the study's protocols of kind `group`.
    """

    group: str
    local: int = 30
    repeats: int = 20

    def faults(self, held_out: Collection[str]) -> list[Fault]:
        """What cannot be meant; `held_out` are the groups that the study's protocols leave out."""
        faults = []
        if self.group not in held_out:
            faults.append(Fault("transport.group", "is the group of no protocol of kind 'group'"))
        if self.local < LEAST_LOCAL or self.repeats < 1:
            faults.append(Fault("transport", f"needs local of {LEAST_LOCAL} or more, and repeats above 0"))
        return faults


@dataclass(frozen=True)
class BiomarkersAsked:
    """How often features are chosen on `halves` of the patients, at which share `threshold` of them one is
    selected, and how often the model is fitted again for the intervals of importance."""

    halves: int = 100
    threshold: float = 0.75
    refits: int = 20

    def faults(self) -> list[Fault]:
        """What cannot be meant."""
        if self.halves >= 2 and 0.5 < self.threshold < 1.0 and self.refits >= 2:
            return []
        return [Fault("biomarkers", "needs two halves and refits, and threshold between 0.5 and 1")]

"""What the service answers, as types; the answers themselves are plain dictionaries of JSON.

A field that a later service adds is simply there. A test holds these against the OpenAPI document.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Explain = Literal["none", "top", "full"]
Json = dict[str, Any]  # Any: what a study alone knows, such as a card or a schema


class Interval(TypedDict):
    """Where the outcome lies with the probability `level`; an end that is None is unbounded."""

    level: float
    lower: float | None
    upper: float | None


class Notice(TypedDict):
    """What a reader must know of an answer."""

    code: str
    text: str
    severity: Literal["info", "caution", "decline"]
    feature: str | None


class Contribution(TypedDict):
    """How much one feature moves the margin."""

    name: str
    label: str
    block: str
    gene: str | None
    value: float | None
    unit: str
    contribution: float


class Explanation(TypedDict):
    """base + contributions (+ other_features) = margin; callers without genomic access get blocks alone."""

    scale: str
    base: float
    margin: float
    blocks: dict[str, float]
    features: NotRequired[list[Contribution]]
    genes: NotRequired[dict[str, float]]
    other_features: NotRequired[float]
    other_genes: NotRequired[float]
    rounded_to: NotRequired[float]


class Population(TypedDict):
    """Whom a model learned from."""

    n: int
    fingerprint: str


class OwnGroup(TypedDict):
    """How well the model did for held-out patients of a group that the patient is of."""

    variable: str
    group: str
    protocol: str
    n: int | None
    figures: Json


class Evidence(TypedDict):
    """What CPIC lists of a gene that is read and a drug that is answered about."""

    gene: str
    drug: str
    level: str
    guideline: str | None


class Basis(TypedDict):
    """What an answer rests on."""

    inputs_used: list[str]
    missing: list[str]
    imputed: list[str]
    unrecorded_as_absent: list[str]
    model_version: int
    bundle_digest: str
    population: Population
    trained_on: str
    performance: Json
    subgroups: list[OwnGroup]
    evidence: list[Evidence]


class Answer(TypedDict):
    """One patient's answer; a declined one has reasons among its notices and None for a value."""

    id: str
    study: str
    patient_id: str
    drug: str
    outcome: str
    value: float | None
    unit: str
    interval: Interval | None
    declined: bool
    notices: list[Notice]
    explanation: Explanation | None
    basis: Basis
    advice: str
    possible: NotRequired[list[str] | None]
    event: NotRequired[str]
    option: NotRequired[str]


class Difference(TypedDict):
    """From the first option's value, or from that before a change; ends that are None were not learned."""

    value: float
    lower: float | None
    upper: float | None


class Ranked(TypedDict):
    """One option of a ranking."""

    place: int
    option: str
    value: float | None
    unit: str
    interval: Interval | None
    declined: bool
    notices: list[Notice]
    difference: Difference | None
    explanation: Explanation | None
    possible: NotRequired[list[str] | None]


class Ranking(TypedDict):
    """One patient's options, best first; declined ones last."""

    id: str
    study: str
    patient_id: str
    outcome: str
    better: str | None
    question: str | None
    level: float
    ranked: list[Ranked]
    notices: list[Notice]
    basis: Basis
    advice: str
    event: NotRequired[str]


class Simulated(TypedDict):
    """What becomes of an answer after one change."""

    name: str
    value: float | None
    unit: str
    interval: Interval | None
    declined: bool
    notices: list[Notice]
    inputs_changed: list[str]
    difference: Difference | None
    difference_explained: Json | None
    possible: NotRequired[list[str] | None]


class Simulation(Answer):
    """The patient's own answer, and what becomes of it after each change."""

    simulated: list[Simulated]


class Explained(Answer):
    """The patient's own answer, its explanation told at the levels asked for."""


class Similar(Answer):
    """The patient's own answer, and sums over patients trained on who are near; None where it declines."""

    similar: NotRequired[Json | None]
    similar_by_clinical_facts: Json | None


class Model(TypedDict):
    """A model in service."""

    study: str
    drug: str | None
    outcome: str
    kind: Literal["continuous", "binary"]
    event: str | None
    unit: str
    better: str | None
    question: str | None
    options: list[str]
    version: int
    digest: str
    created: str
    n_features: int
    basis: Json
    card: NotRequired[Json]


class Outcome(TypedDict):
    """What was reported of the patient of an answer."""

    id: str
    time: str
    prediction_id: str
    name: str
    value: float
    unit: str
    option: str | None
    observed: str | None
    by: str


class Feedback(TypedDict):
    """What was done with an answer."""

    id: str
    time: str
    prediction_id: str
    kind: str
    detail: str
    by: str


class Verdict(TypedDict):
    """What a reader signed."""

    id: str
    time: str
    prediction_id: str
    verdict: Literal["agree", "disagree", "unsure"]
    reasons: list[str]
    comment: str
    by: str
    role: str
    amends: str | None


class ModelVerdict(TypedDict):
    """What a reader signed of a model version."""

    id: str
    time: str
    study: str
    version: int
    digest: str
    verdict: Literal["agree", "disagree", "unsure"]
    reasons: list[str]
    comment: str
    by: str
    role: str
    amends: str | None


class Change(TypedDict):
    """Facts and medications that take the place of the patient's own."""

    name: str
    clinical: NotRequired[dict[str, Json | None]]
    medications: NotRequired[list[Json]]

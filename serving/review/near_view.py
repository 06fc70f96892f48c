"""What a page says of patients like one: which questions they answer alike, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from features.encode import encode
from features.errors import CohortError
from features.readers.document import read_documents
from models.bundle import LoadedBundle
from models.summaries import wilson
from serving.review.composition import Composition, compositions
from serving.review.explained import by_feature
from serving.review.measure import Measure
from serving.review.questions import Asked, asked_of, left_out
from serving.review.standing import Context
from serving.review.views import Band, ReviewView, context_of
from serving.review.words import spoken
from serving.similar import SimilarWriter

NOT_SHOWN = "not shown"
WHY_NOT_SHOWN = "fewer than 10 patients, or a number that would give such a number away"
_EVERYONE = "Everyone trained on"
_GONE = (
    "The model that gave this answer is no longer on the shelf, and with it went what it kept of patients."
)
_DECLINED = "No number was given for this patient, so nobody is found; the answer says what is missing."
_NEVER_KEPT = "The model that gave this answer was fitted before models kept what became of similar patients."
_UNREADABLE = (
    "This patient was recorded for an earlier program and can no longer be read, so nobody is found."
)
RANKED = (
    "This is a ranking of several options. Ask about one of them to see what became of patients like this."
)

Json = Mapping[str, Any]  # Any: aggregates as the bundle holds them


@dataclass(frozen=True, slots=True)
class Came:
    """What became of somebody, in numbers and in words: a rate or a median, and from where to where.

    `kind` is `own` for this patient's answer, `group` for patients alike, `all` for everyone trained on;
    `wide` are the ends of nine in ten of everyone, where they are told. No `value`: it may not be told.
    """

    name: str
    kind: str
    said: str
    between: str
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    n: int | None = None
    wide: tuple[float, float] | None = None


@dataclass(frozen=True)
class Group:
    """Patients alike: their questions, what became of them in all and by treatment, who they are, how well
    the model did for them, and what the questions leave out that moved this patient's answer."""

    id: str
    title: str
    who: str
    n: int
    of: int
    asked: tuple[Asked, ...]
    came: Came
    became: str
    left_out: tuple[str, ...]
    options: tuple[Came, ...]
    compositions: tuple[Composition, ...]
    held_out: str

    @property
    def is_whole(self) -> bool:
        """Whether nobody is left out."""
        return self.n == self.of

    @property
    def tells_options(self) -> bool:
        """Whether what became of them is told of any treatment."""
        return any(one.value is not None for one in self.options)

    @property
    def hides(self) -> bool:
        """Whether something is not shown."""
        shares = [one.share for own in self.compositions for one in own.shares]
        came = [end for one in (self.came, *self.options) for end in (one.value, one.lower, one.upper)]
        return None in (*shares, *came)


@dataclass(frozen=True)
class NearView:
    """The page: groups, the nearest first, and the rows of one axis; `why_not` says why there are none."""

    why_not: str = ""
    groups: tuple[Group, ...] = ()
    rows: tuple[Came, ...] = ()


def near_view(view: ReviewView, answer: Json, request: str, bundle: LoadedBundle | None) -> NearView:
    """Who of those trained on is like the patient of a request whose answer, no ranking, `view` shows."""
    if bundle is None:
        return NearView(_GONE)
    if bundle.neighbourhood is None:
        return NearView(_NEVER_KEPT)
    if answer["value"] is None:
        return NearView(_DECLINED)
    spec, patient = bundle.models.spec, json.loads(request)["patient"]
    try:
        cohort = read_documents([patient], spec)
    except CohortError:
        return NearView(_UNREADABLE)
    row = dict(zip(spec.names, encode(cohort, spec).values[0].tolist(), strict=True))
    near, wide = SimilarWriter(bundle).groups(row, answer["drug"])
    is_panel = len(bundle.models.models) > 1
    writer = _Groups(view, answer, patient, row, context_of(answer, bundle), _moved(answer), is_panel)
    groups: tuple[Group, ...] = (writer.group("near", near),)
    if near["path"] != wide["path"]:
        groups += (writer.group("wide", wide),)
    whole = () if groups[-1].is_whole or view.band is None else (_everyone(view.band),)
    return NearView("", groups, (_own(view, answer), *(group.came for group in groups), *whole))


@dataclass(frozen=True)
class _Groups:
    """What is told of one answer's groups."""

    view: ReviewView
    answer: Json
    patient: Json
    row: Mapping[str, float]
    context: Context
    moved: Sequence[Json]
    is_panel: bool

    def group(self, name: str, own: Json) -> Group:
        """One of the two groups."""
        measure, n = self.view.measure, own["n"]
        title, who = self._called(name, own)
        came = _came(title, own["outcome"], measure, n)
        return Group(
            id=name,
            title=title,
            who=who,
            n=n,
            of=own["of"],
            asked=asked_of(own["path"], self.row, self.context),
            came=came,
            became=f"{self._became(own)} {_apart(self.answer['value'], came, measure)}".rstrip(),
            left_out=left_out(self.moved, own["path"]),
            options=tuple(_came(spoken(o), found, measure) for o, found in own["options"].items()),
            compositions=compositions(own["shares"], self.patient),
            held_out=_held_out(own["held_out"], measure),
        )

    def _called(self, name: str, own: Json) -> tuple[str, str]:
        """A group's title, and how many of how many it holds and why."""
        n, of = own["n"], own["of"]
        clinical = "" if name == "near" else " about clinical facts and medicines"
        if not own["path"]:
            who = f"No question{clinical} parts the {of:,} patients trained on well, so this is all of them."
            return _EVERYONE, who
        count = len(own["path"])
        asked = "1 question" if count == 1 else f"{count} questions"
        title = "Like this patient" if name == "near" else "Like this patient in clinical facts alone"
        return title, f"{n:,} of the {of:,} patients trained on answer {asked}{clinical} as this one does."

    def _became(self, own: Json) -> str:
        outcome, measure = own["outcome"], self.view.measure
        them = f"those of them who were measured with {self.answer['drug']}" if self.is_panel else "them"
        if outcome is None:
            return f"What became of {them} is not shown: {WHY_NOT_SHOWN}."
        came = _came("", outcome, measure)
        if measure.is_probability:
            whatever = ", under whichever treatment they had" if own["options"] else ""
            return f"{came.said} of {them} had {spoken(measure.event or '')} ({came.between}){whatever}."
        middle = "" if came.lower is None and came.upper is None else f", and {came.between}"
        return f"For half of {them} the {measure.name} was below {came.said}{middle}."


def _moved(answer: Json) -> Sequence[Json]:
    """The features that an answer's explanation tells, the largest contribution first."""
    explained = by_feature(answer)
    return sorted(explained["features"], key=lambda f: -abs(f["contribution"])) if explained else ()


def _own(view: ReviewView, answer: Json) -> Came:
    interval, head = answer["interval"], view.headline
    band = "band" if view.measure.is_probability else "prediction interval"
    said = f"{head.value} {head.unit}".strip()
    ends = interval["lower"], interval["upper"]
    between = f"{head.interval} ({head.level} {band})"
    return Came("This patient, estimated", "own", said, between, answer["value"], *ends)


def _came(name: str, outcome: Json | None, measure: Measure, n: int | None = None) -> Came:
    if outcome is None:
        return Came(name, "group", NOT_SHOWN, "", n=n)
    if "rate" in outcome:
        value, ends = outcome["rate"], (outcome["lower"], outcome["upper"])
        said, between = measure.said(value), f"95% interval {measure.interval(*ends)}"
    else:
        value, ends = outcome["median"], (outcome["lower_quartile"], outcome["upper_quartile"])
        said, between = measure.said(value), _quartiles(*ends, measure)
    return Came(name, "group", said, between, value, *ends, n)


def _quartiles(lower: float | None, upper: float | None, measure: Measure) -> str:
    if lower is not None and upper is not None:
        return f"the middle half {measure.interval(lower, upper)}"
    if lower is not None:
        return f"a quarter below {measure.said(lower)}"
    return f"a quarter above {measure.said(upper)}" if upper is not None else f"quartiles {NOT_SHOWN}"


def _everyone(band: Band) -> Came:
    """Everyone trained on, as the band tells of them."""
    measure, n, quantiles = band.measure, band.n, band.quantiles
    outcome: Json | None = None
    if measure.is_probability and band.mean is not None:
        lower, upper = wilson(band.mean, n)
        outcome = {"rate": band.mean, "lower": lower, "upper": upper}
    elif not measure.is_probability and band.median is not None:
        quarters = {"lower_quartile": quantiles.get(0.25), "upper_quartile": quantiles.get(0.75)}
        outcome = {"median": band.median, **quarters}
    has_wide = not measure.is_probability and {0.05, 0.95} <= set(quantiles)
    wide = (quantiles[0.05], quantiles[0.95]) if has_wide else None
    return replace(_came(_EVERYONE, outcome, measure, n), kind="all", wide=wide)


def _apart(value: float, came: Came, measure: Measure) -> str:
    """Whether the estimate is like what became of the group."""
    if came.lower is None or came.upper is None:
        return ""
    where = "below" if value < came.lower else "above" if value > came.upper else "within"
    what = "the interval of their share" if measure.is_probability else "the middle half of them"
    return f"The estimate for this patient, {measure.said(value)}, lies {where} {what}."


def _held_out(told: Json | None, measure: Measure) -> str:
    """How the model did for the group when it had not seen them; nothing where that is not told."""
    if told is None:
        return ""
    level, held = f"{100 * told['level']:g}%", f"{100 * told['coverage']:.0f}%"
    if "brier" in told:
        score = f"{told['brier']:.3f} (0 is perfect; always saying 50% gets 0.25)"
        return (
            f"Learned without them, this model had a Brier score of {score} for them, and the outcomes it "
            f"called possible at {level} held what happened for {held} of them."
        )
    error = measure.said(told["mean_absolute_error"])
    return (
        f"Learned without them, this model answered {error} off what came, on average, and its {level} "
        f"intervals held what came for {held} of them."
    )

"""What the worklist says, as plain data before any HTML: tabs, filters, rows, addresses of its pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from serving.review.measure import Measure
from serving.review.signing_view import state_words
from serving.review.words import sentence, spoken
from serving.store.glance import PREDICTION, RANKING, SIMULATION
from serving.store.verdicts import SPLIT
from serving.store.worklist import MOST_COUNTED, Asked, Listed, Page

SIZE = 25
ADDRESS = "/review"

NOTICES: Mapping[str, str] = {
    "required_missing": "Too little recorded",
    "out_of_range": "Beyond patients seen",
    "unknown_allele": "Unseen allele",
    "unseen_category": "Unseen category",
    "modality_missing": "A modality is missing",
    "interval_unbounded": "Unbounded interval",
    "interval_pooled": "Interval from all patients",
    "imputed": "Values filled in",
    "linked_snp": "Inferred from a linked SNP",
    "unrecorded_as_absent": "Unrecorded read as no",
}
"""Codes of notices, and how the list says them; the first six are doubts and stand beside an answer."""

_DOUBTS = tuple(NOTICES)[:6]
_TABS = (
    ("", "To review", "Nobody has signed them yet", Asked((), verdict="")),
    ("second", "Second reader", "One reader has signed them", Asked((), readers=1)),
    ("split", "Readers differ", "Their readers differ", Asked((), verdict=SPLIT)),
    ("signed", "Signed", "Somebody has signed them", Asked((), verdict="signed")),
    ("all", "All", "", Asked(())),
)
_KINDS = {
    "": ("All but what-if", (PREDICTION, RANKING)),
    PREDICTION: ("Predictions", (PREDICTION,)),
    RANKING: ("Rankings", (RANKING,)),
    SIMULATION: ("What-if", (SIMULATION,)),
}
_WIDTHS = {"": ("Any", None), "0.5": ("≥ half the value", 0.5), "1": ("≥ the value", 1.0),
           "2": ("≥ twice the value", 2.0)}  # fmt: skip
_GIVEN = {"": ("Any", None), "no": ("No number given", True), "yes": ("A number given", False)}
_WHO = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-f]{32}")
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Query:
    """What the address asks for; what it cannot mean is left out."""

    tab: str
    kind: str
    study: str
    notice: str
    width: str
    given: str
    who: str
    before: str
    after: str

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Query:
        """The query in an address."""

        def one_of(name: str, known: Any) -> str:
            found = asked.get(name, "")
            return found if found in known else ""

        def like(name: str, pattern: re.Pattern[str]) -> str:
            found = asked.get(name, "")
            return found if pattern.fullmatch(found) else ""

        return cls(
            tab=one_of("show", [tab for tab, *_ in _TABS]),
            kind=one_of("kind", _KINDS),
            study=asked.get("study", "").replace("\0", "")[:_LONGEST],
            notice=one_of("notice", NOTICES),
            width=one_of("width", _WIDTHS),
            given=one_of("given", _GIVEN),
            who=like("who", _WHO),
            before=like("before", _ID),
            after=like("after", _ID),
        )

    @property
    def asked(self) -> Asked:
        """The same as the store understands it."""
        (tab,) = (asked for name, _, _, asked in _TABS if name == self.tab)
        return Asked(
            kinds=_KINDS[self.kind][1],
            study=self.study or None,
            notice=self.notice or None,
            declined=_GIVEN[self.given][1],
            least_width=_WIDTHS[self.width][1],
            verdict=tab.verdict,
            readers=tab.readers,
            patient=bytes.fromhex(self.who) if self.who else None,
        )

    def address(self, **others: str) -> str:
        """The address of the list with some of it otherwise, from its first page on."""
        own = {"show": self.tab, "kind": self.kind, "study": self.study, "notice": self.notice}
        own |= {"width": self.width, "given": self.given, "who": self.who, **others}
        kept = {name: value for name, value in own.items() if value}
        return f"{ADDRESS}?{urlencode(kept)}" if kept else ADDRESS


@dataclass(frozen=True, slots=True)
class Tab:
    """One way to look at the list."""

    name: str
    address: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One filter: its values with their words, and the one chosen."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    chosen: str


@dataclass(frozen=True, slots=True)
class Row:
    """One answer in words; no `value` where none was given."""

    id: str
    patient: str
    asked: str
    study: str
    version: int
    value: str
    interval: str
    notices: tuple[str, ...]
    verdict: str
    state: str
    time: str


@dataclass(frozen=True, slots=True)
class ListView:
    """The whole worklist."""

    summary: str
    nothing: str
    tabs: tuple[Tab, ...]
    hidden: tuple[tuple[str, str], ...]
    choices: tuple[Choice, ...]
    is_filtered: bool
    unfiltered: str
    rows: tuple[Row, ...]
    newest: str
    newer: str
    older: str


def list_view(query: Query, page: Page, studies: Sequence[str]) -> ListView:
    """The list that a query found; `studies` are those in service."""
    rows = tuple(map(_row, page.rows))
    ends = (rows[0].id, rows[-1].id) if rows else ("", "")
    hidden = tuple((name, value) for name, value in (("show", query.tab), ("who", query.who)) if value)
    is_filtered = bool(query.kind or query.study or query.notice or query.width or query.given or query.who)
    return ListView(
        summary=_summary(query, page.n),
        nothing="No answer fits these filters." if is_filtered else "There is nothing here.",
        tabs=tuple(Tab(said, query.address(show=name), name == query.tab) for name, said, *_ in _TABS),
        hidden=hidden,
        choices=_choices(query, studies),
        is_filtered=is_filtered,
        unfiltered=Query.of({"show": query.tab}).address(),
        rows=rows,
        newest=query.address() if page.has_newer else "",
        newer=query.address(after=ends[0]) if page.has_newer and rows else "",
        older=query.address(before=ends[1]) if page.has_older and rows else "",
    )


def _choices(query: Query, studies: Sequence[str]) -> tuple[Choice, ...]:
    known = sorted({*studies, query.study} - {""})
    return (
        Choice("study", "Study", (("", "All"), *((one, one) for one in known)), query.study),
        Choice("kind", "Kind", tuple((k, said) for k, (said, _) in _KINDS.items()), query.kind),
        Choice("notice", "To know", (("", "Anything"), *NOTICES.items()), query.notice),
        Choice("width", "Interval width", tuple((k, said) for k, (said, _) in _WIDTHS.items()), query.width),
        Choice("given", "Number", tuple((k, said) for k, (said, _) in _GIVEN.items()), query.given),
    )


def _summary(query: Query, n: int) -> str:
    (about,) = (about for name, _, about, _ in _TABS if name == query.tab)
    count = f"More than {MOST_COUNTED:,} answers" if n > MOST_COUNTED else f"{n:,} answers"
    count = "1 answer" if n == 1 else count
    whose = " of one patient" if query.who else ""
    return f"{count}{whose}. {about}." if about and n else f"{count}{whose}."


def _row(one: Listed) -> Row:
    label = one.label
    if "ranked" in label:
        first = label["ranked"][0]
        label = {
            **{name: label[name] for name in ("outcome", "event", "patient_id") if name in label},
            **first,
        }
    measure = Measure(str(label.get("outcome", "")), str(label.get("unit", "1")), label.get("event"))
    value, interval = label.get("value"), label.get("interval")
    bare = Measure(measure.outcome, "1", measure.event)
    between = "" if not interval else bare.interval(interval["lower"], interval["upper"])
    doubts = tuple(NOTICES[code] for code in one.notices if code in _DOUBTS)
    return Row(
        id=one.id,
        patient=str(label.get("patient_id", "")) or "Unnamed",
        asked=_asked(one, label, measure),
        study=one.study,
        version=one.version,
        value="" if value is None else measure.said(value),
        interval=between,
        notices=doubts,
        verdict=one.verdict,
        state=state_words(one.verdict, one.readers),
        time=one.time[:16].replace("T", " "),
    )


def _asked(one: Listed, label: Mapping[str, Any], measure: Measure) -> str:
    what = sentence(spoken(str(label.get("option") or label.get("drug") or "")))
    told = f"{what}: {measure.name}" if what else sentence(measure.name)
    if one.kind == RANKING:
        return f"Ranking, first: {told}"
    return f"What if: {told}" if one.kind == SIMULATION else told

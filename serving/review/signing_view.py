"""What a page says of the verdicts on its answer, and the form in which a reader gives theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from serving.review.words import spoken
from serving.store.records import VerdictRecord
from serving.store.verdicts import SPLIT, counting, state_of
from serving.verdicts import LONGEST_COMMENT, REASONS, VERDICTS

_STATES = {"agree": "agrees", "disagree": "disagrees", "unsure": "is unsure"}
_ALL = {"agree": "agree", "disagree": "disagree", "unsure": "are unsure"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One verdict, in words."""

    verdict: str
    said: str
    by: str
    role: str
    time: str
    reasons: tuple[str, ...]
    comment: str
    is_amended: bool
    is_amendment: bool


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a verdict: its token, what was filled in, and what was wrong with it."""

    token: str
    verdict: str = ""
    chosen: frozenset[str] = frozenset()
    comment: str = ""
    faults: tuple[str, ...] = ()
    verdicts: tuple[tuple[str, str], ...] = tuple(VERDICTS.items())
    reasons: tuple[tuple[str, str], ...] = tuple(REASONS.items())
    longest: int = LONGEST_COMMENT


@dataclass(frozen=True, slots=True)
class SigningView:
    """The verdicts on one answer, oldest first; without a form nobody can sign there."""

    summary: str
    entries: tuple[Entry, ...]
    state: str = ""
    has_signed: bool = False
    form: Form | None = None

    @classmethod
    def of(cls, told: Sequence[VerdictRecord]) -> SigningView:
        """The verdicts without a form."""
        last = {one.id for one in counting(told)}
        entries = tuple(_entry(one, one.id not in last) for one in told)
        return cls(_summary(told), entries, state_words(*state_of(told)))

    def with_form(self, form: Form, subject: str) -> SigningView:
        """These with the form of a reader; it begins with nothing chosen."""
        return replace(self, form=form, has_signed=any(one.by == subject for one in self.entries))


def filled(token: str, fields: Mapping[str, Sequence[str]], faults: Sequence[str]) -> Form:
    """The form as it was sent, with what was wrong."""
    verdict, comment = (fields.get(name, ("",))[0] for name in ("verdict", "comment"))
    chosen = frozenset(fields.get("reasons", ()))
    return Form(token, verdict, chosen, comment[:LONGEST_COMMENT], tuple(faults))


def state_words(state: str, readers: int) -> str:
    """The state of an answer in two or three words; nothing for what nobody signed."""
    if state == SPLIT:
        return "Readers differ"
    word = VERDICTS.get(state, "")
    return f"{word}, {readers} readers" if word and readers > 1 else word


def _entry(one: VerdictRecord, is_amended: bool) -> Entry:
    reasons = tuple(REASONS.get(code, code) for code in one.reasons)
    time = one.time[:16].replace("T", " ") + " UTC"
    said = VERDICTS.get(one.verdict, one.verdict)
    told = one.by, spoken(one.role), time, reasons, one.comment
    return Entry(one.verdict, said, *told, is_amended, one.amends is not None)


def _summary(told: Sequence[VerdictRecord]) -> str:
    state, readers = state_of(told)
    if not readers:
        return "Nobody has signed this answer yet."
    if readers == 1:
        return f"One reader {_STATES[state]}; a second reader has not signed yet."
    return f"{readers} readers differ." if state == SPLIT else f"All {readers} readers {_ALL[state]}."

"""What a page says of the verdicts on an answer or a model version, and the form of a reader's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from features.errors import Fault
from serving.review.words import spoken
from serving.store.records import ModelVerdictRecord, VerdictRecord
from serving.store.verdicts import SPLIT, AnyVerdict, counting, state_of
from serving.verdicts import LONGEST_COMMENT, MODEL_REASONS, REASONS, VERDICTS

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
    """The form of a verdict: its token, what was filled in, and what was wrong with it.

    `version` is which of a model's versions is signed; None on an answer.
    """

    token: str
    verdict: str = ""
    chosen: frozenset[str] = frozenset()
    comment: str = ""
    faults: tuple[str, ...] = ()
    verdicts: tuple[tuple[str, str], ...] = tuple(VERDICTS.items())
    reasons: tuple[tuple[str, str], ...] = tuple(REASONS.items())
    version: int | None = None
    longest: int = LONGEST_COMMENT


@dataclass(frozen=True, slots=True)
class SigningView:
    """The verdicts on one answer or model version, oldest first; without a form nobody can sign there."""

    summary: str
    entries: tuple[Entry, ...]
    state: str = ""
    has_signed: bool = False
    form: Form | None = None

    @classmethod
    def of(cls, told: Sequence[VerdictRecord]) -> SigningView:
        """The verdicts on an answer, without a form."""
        return cls._of(told, REASONS, "answer")

    @classmethod
    def of_model(cls, told: Sequence[ModelVerdictRecord]) -> SigningView:
        """The verdicts on a model version, without a form."""
        return cls._of(told, MODEL_REASONS, "version")

    @classmethod
    def _of(cls, told: Sequence[AnyVerdict], codes: Mapping[str, str], what: str) -> SigningView:
        last = {one.id for one in counting(told)}
        entries = tuple(_entry(one, one.id not in last, codes) for one in told)
        state, readers = state_of(told)
        return cls(_summary(state, readers, what), entries, state_words(state, readers))

    def with_form(self, form: Form, subject: str) -> SigningView:
        """These with the form of a reader; it begins with nothing chosen."""
        return replace(self, form=form, has_signed=any(one.by == subject for one in self.entries))


def model_form(token: str, version: int) -> Form:
    """The form for a model version with nothing chosen."""
    return Form(token, reasons=tuple(MODEL_REASONS.items()), version=version)


def filled(form: Form, fields: Mapping[str, Sequence[str]], faults: Sequence[str]) -> Form:
    """A form as it was sent, with what was wrong."""
    verdict, comment = (fields.get(name, ("",))[0] for name in ("verdict", "comment"))
    chosen, comment = frozenset(fields.get("reasons", ())), comment[:LONGEST_COMMENT]
    return replace(form, verdict=verdict, chosen=chosen, comment=comment, faults=tuple(faults))


def fault_words(faults: Sequence[Fault]) -> tuple[str, ...]:
    """What was wrong with a verdict, as the page of its form says it."""
    return tuple(_fault(fault.where.strip("/").partition("/")[0], fault.what) for fault in faults)


def _fault(field: str, what: str) -> str:
    told = {"verdict": "Choose a verdict.", "reasons": "Give at least one reason, or a comment."}
    return told.get(field, f"{field.capitalize()}: {what}.")


def state_words(state: str, readers: int) -> str:
    """The state of an answer in two or three words; nothing for what nobody signed."""
    if state == SPLIT:
        return "Readers differ"
    word = VERDICTS.get(state, "")
    return f"{word}, {readers} readers" if word and readers > 1 else word


def _entry(one: AnyVerdict, is_amended: bool, codes: Mapping[str, str]) -> Entry:
    reasons = tuple(codes.get(code, code) for code in one.reasons)
    time = one.time[:16].replace("T", " ") + " UTC"
    said = VERDICTS.get(one.verdict, one.verdict)
    told = one.by, spoken(one.role), time, reasons, one.comment
    return Entry(one.verdict, said, *told, is_amended, one.amends is not None)


def _summary(state: str, readers: int, what: str) -> str:
    if not readers:
        return f"Nobody has signed this {what} yet."
    if readers == 1:
        return f"One reader {_STATES[state]}; a second reader has not signed yet."
    return f"{readers} readers differ." if state == SPLIT else f"All {readers} readers {_ALL[state]}."

"""Why a column had better not be read by a model: an identifier, an outcome, known too late, or too good."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from training.column_kinds import CATEGORY, DATE, EMPTY, FLAG, QUANTITY, SMALLEST_CELL, TEXT, Guess

TOO_GOOD = 0.95
_FEWEST = 20
_UNIQUE = 0.95
_PERSON = re.compile(
    r"(^|_)(name|surname|firstname|lastname|forename|address|street|phone|email|mrn|ssn|zip|postcode|insurance)(_|$)"
)
_BIRTH = re.compile(r"(^|_)(birth|birthdate|dob|geburtsdatum)(_|$)")
_ID = re.compile(r"(^|_)(id|ids|nr|no|number|code|mrn|pid|patient|subject|case|key|barcode|record)(_|$)|id$")
_OUTCOME = re.compile(
    r"respon|outcome|surviv|follow|(^|_)(fu|os|pfs|dfs|efs|rfs|ttp|pcr|orr|recist|mace)(_|$)|death|dead|died|"
    r"deceas|relaps|recur|progress|remission|toxic|adverse|readmi|mortal|vital_status|endpoint|event|cured"
)
_STATUS = re.compile(r"(^|_)status(_|$)")
_STATE = re.compile(
    r"smok|er_|her2|pr_|hr_|receptor|ecog|perform|marital|menopaus|nodal|mutation|msi|hpv|hormone"
)
_AFTER = re.compile(
    r"(^|_)(post|after|end|eot|final|last|discharge|delta|change|during|on_treatment)(_|$)|"
    r"(^|_)(week|wk|month|day|visit|cycle|year|w|m|d|c)_?[1-9]\d*(_|$)"
)
_SITE = re.compile(r"(^|_)(site|center|centre|hospital|clinic|institution|institute|klinik)(_|$)")


def patient_id_of(guesses: list[Guess]) -> Guess | None:
    """The column that tells patients apart: different for each, and called like an id if one is."""
    whole = [own for own in guesses if own.n_known == len(own.column.cells) == len(set(own.column.cells))]
    texts = [own for own in whole if own.kind != QUANTITY and own.kind != DATE]
    named = [own for own in whole if _ID.search(own.subject) or _ID.search(own.column.name.lower())]
    return next(iter([*named, *texts]), None)


def is_site(own: Guess) -> bool:
    """Whether a column seems to say at which hospital a patient was treated."""
    return bool(_SITE.search(own.subject)) and len(set(own.column.known)) > 1


def looks_like_outcome(own: Guess) -> bool:
    """Whether its name is that of something that happens after treatment."""
    name = own.subject
    is_status = _STATUS.search(name) and not _STATE.search(name)
    return bool(_OUTCOME.search(name) or is_status)


def suspicion(own: Guess, outcome: Guess | None) -> str:
    """Why a column is not offered to the model, or an empty text; never a patient's value."""
    n, distinct = own.n_known, len(set(own.column.known))
    if own.kind == EMPTY or n < SMALLEST_CELL:
        return "recorded for fewer than 10 patients"
    if own.kind == DATE or _BIRTH.search(own.subject):
        return "a date: identifies patients, and tells nothing until it is counted from the index date"
    if _PERSON.search(own.subject):
        return "an identifier by its name"
    if own.kind == TEXT:
        return (
            "an identifier: nearly unique for each row"
            if distinct >= _UNIQUE * n
            else "free text: too many words"
        )
    if _ID.search(own.subject) and distinct >= _UNIQUE * n:
        return "an identifier by its name, nearly unique for each row"
    if distinct == 1:
        return "the same for every patient"
    found = "" if outcome is None else _too_good(own, outcome)
    reasons = [
        "looks like an outcome by its name" if looks_like_outcome(own) else "",
        "looks known only after treatment began, by its name" if _AFTER.search(own.subject) else "",
        found,
    ]
    return "; ".join(filter(None, reasons))


def _too_good(own: Guess, outcome: Guess) -> str:
    both = ~np.isnan(own.values) & ~np.isnan(outcome.values)
    strength = _strength(own, outcome, both) if both.sum() >= _FEWEST else 0.0
    known = (~np.isnan(own.values)).astype(np.float64)
    there = ~np.isnan(outcome.values)
    recorded = _order(outcome, known[there], outcome.values[there])
    kind = "AUC" if _is_event(outcome) else "rank correlation"
    if strength > TOO_GOOD:
        return f"predicts the outcome almost alone ({kind} {strength:.2f})"
    if recorded > TOO_GOOD:
        return f"whether it is recorded predicts the outcome almost alone ({kind} {recorded:.2f})"
    return ""


def _strength(own: Guess, outcome: Guess, both: NDArray[np.bool_]) -> float:
    """AUC or rank correlation (0 to 1, whichever way) of the outcome with the column alone."""
    values, target = own.values[both], outcome.values[both]
    if own.kind == CATEGORY:
        means = {level: float(target[values == level].mean()) for level in np.unique(values).tolist()}
        values = np.array([means[level] for level in values.tolist()])
    return _order(outcome, values, target)


def _order(outcome: Guess, values: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    if len(np.unique(values)) < 2 or len(np.unique(target)) < 2:
        return 0.0
    if _is_event(outcome):
        area = float(roc_auc_score(target == target.max(), values))
        return max(area, 1.0 - area)
    return abs(float(spearmanr(values, target).statistic))


def _is_event(outcome: Guess) -> bool:
    return outcome.kind == FLAG or (outcome.kind == CATEGORY and len(outcome.levels) == 2)

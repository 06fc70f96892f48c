"""The sections of a new study that do not depend on single columns: head, outcome, model, judging."""

from __future__ import annotations

from collections.abc import Sequence

from training.column_kinds import QUANTITY, Guess
from training.new_columns import nice_bounds, quoted
from training.study_faults import UNSETTLED

_SETTLE = "  # SETTLE"


def head_text(name: str, dataset: str, outcome: Guess) -> str:
    """Name, dataset, comparators and source."""
    return f"""\
# Written by `rxplain new`. Settle the lines marked SETTLE, look over the rest, then `rxplain check` it.
# No cell of the cohort is repeated here; figures of fewer than 10 patients are left out.

name = {quoted(name)}
title = {quoted(f"{outcome.subject.replace('_', ' ')} ({name})")}
purpose = "Not stated."  # one sentence: what the answer is for, and what it is not for
dataset = {quoted(dataset)}  # relative to this file
seed = 1
comparators = ["cohort_mean", "everything_linear", "everything_trees"]  # what the model is judged beside
subgroups = []  # categories or groups that figures are told by, such as "sex"

[source]
title = "not stated"
citation = "not stated"
terms = "not stated"
"""


def outcome_text(outcome: Guess) -> str:
    """What is predicted, of a quantity or of an event."""
    if outcome.kind != QUANTITY:
        return f"""[outcome]
kind = "binary"
drug = "{UNSETTLED}"{_SETTLE}: the drug or treatment
name = {quoted(outcome.subject)}
event = "{UNSETTLED}"{_SETTLE}: what a 1 means, in words
# better = "higher"  # or "lower": which direction helps the patient
# An event with the time to it is asked about at a horizon: kind = "time-to-event", time = "..." and
# happened = "..." (the names of two outcomes), horizon = 12, horizon_unit = "mo".
"""
    lowest, highest = nice_bounds(outcome)
    links = '"identity", "root"' if lowest >= 0 else '"identity"'
    told = f"{_SETTLE}: its UCUM code, 1 where it has none" if outcome.unit == UNSETTLED else ""
    return f"""[outcome]
kind = "continuous"
drug = "{UNSETTLED}"{_SETTLE}: the drug or treatment
name = {quoted(outcome.subject)}
unit = {quoted(outcome.unit)}{told}
links = [{links}]  # scales on which contributions may add up; chosen in each training part
lowest = {lowest!r}  # answers are kept within these bounds, and an outcome beyond them is refused
highest = {highest!r}
# better = "higher"  # or "lower": which direction helps the patient
"""


def spec_text(names: Sequence[str], others: Sequence[str]) -> str:
    """The features that are served."""
    listed = "\n".join(f"  {quoted(name)}," for name in (*names, *others))
    return f"""# What the model reads; clinical.* is every variable that is declared above.
[spec]
names = [
{listed}
]
"""


def model_text(outcome: Guess, strata: str, site: str) -> str:
    """How it is learned: a ridge over blocks beside small trees, weighed out of fold."""
    objective = "l2" if outcome.kind == QUANTITY else "binary"
    return f"""[model]
strata = {quoted(strata)}  # intervals are held per level of this category
required_any = []  # of each list of features one must be recorded, or no answer is given
inner_folds = 5
group = {quoted(site or "none")}  # kept together in inner folds
minimum = 60

[ridge]

[trees]
objective = "{objective}"
num_leaves = 5
n_trees = 100
learning_rate = 0.05
min_data_in_leaf = 20
lambda_l2 = 10.0
feature_fraction = 0.5
bagging_fraction = 0.7
max_bin = 63
"""


def closing_text(outcome: Guess, site: str) -> str:
    """How patients are held out, and what a candidate must reach before it may be promoted."""
    by_site = f"""
[[protocols]]
name = "leave_one_site_out"
kind = "group"
group = {quoted(site)}
"""
    folds = """[[protocols]]
name = "folds_5x5"
kind = "folds"
splits = 5
folds = 5
"""
    gates = _QUANTITY_GATES if outcome.kind == QUANTITY else _EVENT_GATES
    return folds + (by_site if site else "") + gates + _MORE


_MORE = """
# What else may be asked; take the marks away.
# [tuning]                       # look for settings inside each training part; `rxplain tune` does it alone
# trials = 30                    # or budget_minutes = 10; stop_after = 10 ends one that finds nothing better
# [tuning.space]
# "trees.num_leaves" = { choices = [3, 5, 7] }
# "trees.learning_rate" = { low = 0.02, high = 0.2, log = true }
#
# [equity]                       # for whom answers are worse, with intervals
# attributes = ["sex", "age"]    # protected ones; one that is an input wants a reason
# leave_out = true               # and measure what doing without each would cost
# [equity.reasons]
# sex = "..."
# age = "..."
# [equity.bands]
# age = [50, 65]
#
# [randomisation]                # labels and blocks permuted, after which nothing must be left
#
# [change_plan]                  # what may change from one champion to the next; all else is refused by name
# largest_fall = 0.02
# largest_golden_change = 0.1
# signed_by = 2                  # readers who must have signed a version off in the service
"""


_QUANTITY_GATES = """
# Gates: what must be reached before promotion; a starting point, to be made as strict as the use asks.
[[gates]]
name = "share of splits won against the cohort's mean"
figure = "wins.folds_5x5.cohort_mean"
at_least = 0.8

[[gates]]
name = "coverage of 90% intervals, percent"
figure = "protocols.folds_5x5.model.coverage90.value"
at_least = 86.0
"""

_EVENT_GATES = """
# Gates: what must be reached before promotion; a starting point, to be made as strict as the use asks.
[[gates]]
name = "AUC"
figure = "protocols.folds_5x5.model.auc.value"
at_least = 0.6

[[gates]]
name = "AUC, lower end of its 95% interval"
figure = "protocols.folds_5x5.model.auc.lower"
at_least = 0.5
"""

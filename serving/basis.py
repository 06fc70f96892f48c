"""What an answer rests on: which inputs were used, missing, filled or read as no; and its notices."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from features.cohort import Cohort
from models.answers import Answers
from models.results import Notice
from serving import json_text
from serving.own_groups import GroupsWriter

ADVICE = (
    "This estimate informs a clinician's decision and does not order anything: weigh it with the patient, "
    "the indication and the measured response."
)
MOST_ALIKE = 20
"""Notices of one kind and block that are told one by one; more are told as one."""

_FILLED = ("imputed", "linked_snp")
_REMEMBERED = 32
_TOGETHER = {
    "imputed": "{n} {block} features were not recorded; typical values stand in.",
    "out_of_range": "{n} {block} features lie beyond every patient trained on.",
    "linked_snp": "{n} {block} features were inferred from linked SNPs.",
}


class BasisWriter:
    """Writes the basis of one bundle's answers; patients with the same features missing share its text."""

    def __init__(
        self, absent: Iterable[str], fixed: Mapping[str, object], card: Mapping[str, object]
    ) -> None:
        self._absent = frozenset(absent)
        self._fixed = json_text.plain(fixed)[1:]
        self._groups = GroupsWriter(card)
        self._known: OrderedDict[bytes, tuple[str, str]] = OrderedDict()

    def write(
        self,
        answers: Answers,
        notices: Iterable[Notice],
        cohort: Cohort,
        patient: int = 0,
        varied: str | None = None,
    ) -> str:
        """The basis of one patient's answer; `notices` are those given to it, not condensed.

        `varied` is the variable that a ranking tries values of.
        """
        filled = [n.feature for n in notices if n.code in _FILLED and n.feature]
        before, after = self._inputs(answers, patient)
        groups = self._groups.write(cohort, patient, varied)
        imputed = json_text.names(filled)
        return f'{{{before},"imputed":{imputed},{after},"subgroups":{groups},{self._fixed}'

    def _inputs(self, answers: Answers, patient: int) -> tuple[str, str]:
        pattern = np.isnan(answers.values[patient]).tobytes()
        found = self._known.get(pattern)
        if found is None:
            inputs = answers.inputs(patient, self._absent)
            missing = json_text.names(inputs.imputed + inputs.unrecorded_as_absent)
            used, silent = json_text.names(inputs.used), json_text.names(inputs.unrecorded_as_absent)
            found = f'"inputs_used":{used},"missing":{missing}', f'"unrecorded_as_absent":{silent}'
            self._known[pattern] = found
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found


def condensed(notices: Sequence[Notice], blocks: Mapping[str, str]) -> Sequence[Notice]:
    """The notices, with those of very many features of a block told as one; `blocks` by feature."""
    if len(notices) <= MOST_ALIKE:
        return notices
    groups: dict[tuple[str, str, str], list[Notice]] = {}
    for notice in notices:
        block = blocks.get(notice.feature or "", "") if notice.code in _TOGETHER else notice.text
        groups.setdefault((notice.code, notice.severity, block), []).append(notice)
    told: list[Notice] = []
    for (code, severity, block), own in groups.items():
        if len(own) <= MOST_ALIKE:
            told += own
        else:
            text = _TOGETHER[code].format(n=len(own), block=block)
            told.append(Notice(code, text, severity))
    return told

"""Training patients near a patient as JSON text: by which questions they are near, and what became of them.

Never rows: what is told was summed up when the model was fitted, and holds no cell of fewer than ten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from features.matrix import Feature
from models.answers import Answers
from models.bundle import LoadedBundle
from models.neighbourhood import Neighbourhood
from models.partition import AT_LEAST, BELOW
from serving import json_text
from serving.errors import RequestError

Json = dict[str, Any]  # Any: aggregates as the bundle holds them
_TOLD = ("n", "outcome", "options", "shares", "held_out")


_YES_NO = frozenset({"flag", "taken", "mutated", "amplified", "deleted"})


class SimilarWriter:
    """Writes the neighbourhoods of one bundle's patients."""

    def __init__(self, bundle: LoadedBundle) -> None:
        self._known = bundle.neighbourhood
        self._features = {feature.name: feature for feature in bundle.models.spec.features}
        self._options = bundle.models.options
        self._is_panel = len(bundle.models.models) > 1
        self._n = bundle.manifest.provenance.n_patients

    def require(self) -> Neighbourhood:
        """The neighbourhoods; raises the 404 problem of a bundle that was written without any."""
        if self._known is None:
            raise RequestError("not-available", "The model in service was fitted before it kept this.")
        return self._known

    def write(self, answers: Answers) -> str:
        """The fields `similar` and `similar_by_clinical_facts`; null where the model declined to answer."""
        self.require()
        if answers.is_declined(0):
            return '"similar":null,"similar_by_clinical_facts":null'
        names = [feature.name for feature in answers.features]
        row = dict(zip(names, answers.values[0].tolist(), strict=True))
        near, wide = map(json_text.plain, self.groups(row, answers.outcome.drug))
        return f'"similar":{near},"similar_by_clinical_facts":{wide}'

    def groups(self, row: Mapping[str, float], drug: str) -> tuple[Json, Json]:
        """Those near by every question and by clinical facts alone, of features' values by name."""
        known = self.require()
        steps = known.steps(row)
        return self._group(known, steps, drug), self._group(known, known.plain(steps), drug)

    def _group(self, known: Neighbourhood, steps: Sequence[tuple[int, int]], drug: str) -> Json:
        own = known.told[known.partition.end(steps)]
        told = {name: own[name] for name in _TOLD}
        told["options"] = {name: own["options"][name] for name in self._options if name in own["options"]}
        if self._is_panel:
            told |= {"outcome": own["options"].get(drug), "options": {}}
        return {"path": [self._step(known, *step) for step in steps], "of": self._n, **told}

    def _step(self, known: Neighbourhood, node: int, branch: int) -> Json:
        split = known.split(node)
        feature = self._features[split.feature]
        answer = "below" if branch == BELOW else "at_least" if branch == AT_LEAST else "not_recorded"
        return {
            "feature": feature.name,
            "label": feature.label,
            "unit": feature.unit,
            "is": answer,
            "value": None if answer == "not_recorded" else split.at_least,
            "text": _text(feature, split.at_least, answer),
            "silence_is_no": split.feature in known.absent,
        }


def asks_yes_or_no(feature: str, value: float) -> bool:
    """Whether a question about a feature's value is one of yes or no."""
    measure = feature.rpartition(".")[2]
    return value == 1.0 and (measure in _YES_NO or measure.startswith("is_"))


def _text(feature: Feature, value: float, answer: str) -> str:
    """One step in words, such as `age: 65 a or more`."""
    if answer == "not_recorded":
        said = "not recorded"
    elif asks_yes_or_no(feature.name, value):
        said = "yes" if answer == "at_least" else "no"
    else:
        unit = "" if feature.unit == "1" else f" {feature.unit}"
        said = f"{value:g}{unit} or more" if answer == "at_least" else f"below {value:g}{unit}"
    return f"{feature.label}: {said}"

"""Neighbourhoods of a study's own patients: of probabilities, of treatments and of a panel, told twice."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from features.cohort import Cohort
from models.near_patients import LEVEL
from models.summaries import wilson
from tests.training.tiny_blocks import ARMS, tiny_cohort, tiny_study
from training.design import Design, build_design
from training.fit import fit_and_hold_out, fit_models
from training.neighbours import neighbours
from training.panel import fit_panel
from training.study import Study


class Near:
    """A study's patients, and what is kept of those near each other."""

    def __init__(self, kind: str, n: int) -> None:
        self.study: Study = tiny_study(kind)
        self.cohort: Cohort
        self.cohort, _ = tiny_cohort(kind, n, missing=0.2)
        self.design: Design = build_design(self.study, self.cohort)
        given = self.design, self.cohort, self.study
        self.held_out = None
        if kind == "panel":
            self.models = fit_panel(*given)
        else:
            self.models, self.held_out = fit_and_hold_out(*given)
        self.nodes: list[dict] = neighbours(self.study, self.models, self.cohort, self.design, self.held_out)[
            "nodes"
        ]
        self.rows = list(self._rows())

    @property
    def leaves(self) -> list[int]:
        """The nodes that are parted no further."""
        return [i for i, node in enumerate(self.nodes) if node["split"] is None]

    def answered(self, rows: np.ndarray) -> np.ndarray:
        """Those of the rows whom the whole model answers."""
        return np.array(
            [i for i in rows if self.design.strata[i] not in self.models.model.without], dtype=int
        )

    def _rows(self) -> Iterator[np.ndarray]:
        """By node its patients, from the questions alone."""
        values = dict(zip(self.design.matrix.names, self.design.matrix.values.T, strict=True))
        found = {0: np.arange(len(self.cohort))}
        for i, node in enumerate(self.nodes):
            if node["split"] is not None:
                own = values[node["split"]["feature"]][found[i]]
                own = np.where(np.isnan(own) & (node["split"]["feature"] in self.study.spec.absent), 0.0, own)
                low, high = own < node["split"]["at_least"], own >= node["split"]["at_least"]
                for child, mask in zip(node["split"]["children"], (low, high, np.isnan(own)), strict=True):
                    if child is not None:
                        found[child] = found[i][mask]
        return (found[i] for i in range(len(self.nodes)))


@pytest.fixture(scope="module", params=["binary", "question", "panel"])
def near(request: pytest.FixtureRequest) -> Near:
    """One study of each kind."""
    return Near(request.param, 400)


def test_every_patient_is_in_one_group_of_twenty_or_more(near: Near) -> None:
    assert len(near.leaves) > 2
    assert [node["n"] for node in near.nodes] == [len(rows) for rows in near.rows]
    assert min(near.nodes[i]["n"] for i in near.leaves) >= 20
    assert sum(near.nodes[i]["n"] for i in near.leaves) == 400


def test_outcomes_are_those_of_the_rows(near: Near) -> None:
    for node, rows in zip(near.nodes, near.rows, strict=True):
        if near.study.panel is not None:
            assert node["outcome"] is None
            continue
        happened = near.design.observed[rows]
        events = int(happened.sum())
        assert min(events, len(rows) - events) >= 10
        lower, upper = wilson(events / len(rows), len(rows))
        assert node["outcome"] == {"rate": round(events / len(rows), 6), "lower": lower, "upper": upper}


@pytest.mark.parametrize("near", ["question"], indirect=True)
def test_a_treatment_is_told_where_ten_had_the_event_and_ten_had_not(near: Near) -> None:
    arms, happened, n_told = near.cohort.texts("arm"), near.cohort.outcome("response"), 0
    assert {split["feature"] for split in _splits(near)}.isdisjoint(f"clinical.arm.is_{arm}" for arm in ARMS)
    for node, rows in zip(near.nodes, near.rows, strict=True):
        assert set(node["options"]) == set(ARMS)
        for arm, told in node["options"].items():
            own = happened[rows][arms[rows] == arm]
            n_told += told is not None
            assert told is None or min(own.sum(), len(own) - own.sum()) >= 10
            assert told is None or told["rate"] == pytest.approx(own.mean(), abs=1e-6)
    assert n_told > 0


@pytest.mark.parametrize("near", ["panel"], indirect=True)
def test_a_drug_is_told_by_quantiles_where_ten_lie_beyond(near: Near) -> None:
    for node, rows in zip(near.nodes, near.rows, strict=True):
        for i, drug in enumerate(near.design.drugs):
            own = near.design.outcomes[rows, i]
            own, told = own[~np.isnan(own)], node["options"][drug]
            assert (told is None) == (len(own) < 20)
            assert told is None or told["median"] == pytest.approx(np.median(own), rel=0.005)
            assert told is None or (told["lower_quartile"] is None) == (len(own) < 40)


def test_errors_are_of_answers_that_had_not_seen_the_patient(near: Near) -> None:
    for node, rows in zip(near.nodes, near.rows, strict=True):
        if near.held_out is None:
            assert node["held_out"] is None
            continue
        own = near.answered(rows)
        counts = [
            len(near.answered(near.rows[leaf])) for leaf in near.leaves if set(near.rows[leaf]) <= set(rows)
        ]
        if len(own) < 10 or any(0 < count < 10 for count in counts):
            assert node["held_out"] is None
            continue
        p = 1.0 / (1.0 + np.exp(-near.held_out[own]))
        brier = float(np.square(p - near.design.observed[own]).mean())
        assert node["held_out"]["brier"] == pytest.approx(brier, abs=1e-6)
        assert node["held_out"]["level"] == LEVEL
        assert 0.5 <= node["held_out"]["coverage"] <= 1.0


@pytest.mark.parametrize("near", ["binary"], indirect=True)
def test_fitting_is_as_it_was_and_again_the_same(near: Near) -> None:
    again = fit_models(near.design, near.cohort, near.study)
    margin = near.models.model.blend.margin(near.design.matrix.values)
    assert (again.model.blend.margin(near.design.matrix.values) == margin).all()
    found = neighbours(near.study, again, near.cohort, near.design, near.held_out)
    assert json.dumps(found) == json.dumps({"nodes": near.nodes})


def _splits(near: Near) -> list[dict]:
    return [node["split"] for node in near.nodes if node["split"] is not None]

"""Leave-one-site-out transport: what local patients gain, and that nobody judged was learned from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.errors import StudyError
from models.conformal import ConformalScores
from models.outcome import ContinuousOutcome
from models.recalibration import SitePrior
from training.design import Design, build_design
from training.holdout import MODEL, HeldOut, Unadapted, answer_split
from training.kin import twin_groups
from training.splits import Split, protocol_splits
from training.study import Study, read_study
from training.study_parts import TransportAsked
from training.transport import VARIANTS, adapted_to, sites_prior, transport, transport_remarks

DOSE = ContinuousOutcome("warfarin", "dose", "mg/wk", "identity", -1e3, 1e3)
PRIOR = SitePrior(0.8, 0.05, 1.0, 5.0, 20)


def _made(design: Design, study: Study, spread: float, n: int = 90) -> tuple[Study, Design, list[HeldOut]]:
    """Eight sites of 90 whose margins are off by a number each."""
    rng = np.random.default_rng(3)
    margin = rng.normal(5.0, 1.5, 8 * n)
    observed = margin + np.repeat(rng.normal(0.0, spread, 8), n) + rng.normal(0.0, 1.0, 8 * n)
    scores = ConformalScores({"all": rng.normal(0.0, np.hypot(spread, 1.0), 2000)}, 50)
    held = []
    for site in range(8):
        rows = np.arange(site * n, (site + 1) * n)
        split = Split("sites", str(site), np.setdiff1d(np.arange(8 * n), rows), rows)
        own = Unadapted(DOSE, margin[rows], scores, PRIOR)
        held.append(
            HeldOut(
                split,
                {MODEL: margin[rows]},
                np.ones(n),
                np.full(n, np.nan),
                {},
                np.ones((n, 4)),
                np.ones(n),
                own,
            )
        )
    strata = np.full(8 * n, "race=white", dtype=object)
    asked = TransportAsked("site", 30, 5)
    return replace(study, transport=asked), replace(design, observed=observed, strata=strata), held


@pytest.fixture(scope="module")
def design(tiny_study: Study, cohort) -> Design:
    """The tiny study's patients."""
    return build_design(tiny_study, cohort)


def test_sites_that_differ_gain_and_cover_what_they_promise(design: Design, tiny_study: Study) -> None:
    found = transport(*_made(design, tiny_study, spread=1.0))
    gained = found["after"]["shrunken"]["loss_difference"]
    assert gained["value"] < -0.15
    assert gained["upper"] < 0.0
    assert found["after"]["shrunken"]["coverage90"]["value"] > 88
    assert found["n_sites"] == 8
    assert set(found["after"]) == set(VARIANTS)
    (sentence,) = transport_remarks(tiny_study, found)
    assert f"by {gained['value']:+.2f} mg/wk (" in sentence
    assert all(own["n"] >= 10 for own in found["sites"].values())


def test_sites_that_do_not_differ_lose_little(design: Design, tiny_study: Study) -> None:
    study, made, held = _made(design, tiny_study, spread=0.0)
    none = SitePrior(0.05, 0.0, 1.0, 5.0, 20)
    held = [replace(h, unadapted=replace(h.unadapted, prior=none)) for h in held]
    found = transport(study, made, held)
    assert abs(found["after"]["shrunken"]["loss_difference"]["value"]) < 0.01
    free = found["after"]["free_both"]["loss_difference"]["value"]
    assert free > found["after"]["shrunken"]["loss_difference"]["value"]


def test_a_patient_who_is_judged_was_never_learned_from(design: Design, tiny_study: Study) -> None:
    _, made, held = _made(design, tiny_study, spread=1.0)
    own, rows = held[0].unadapted, held[0].split.test
    local = np.arange(0, 60, 2)
    observed = made.observed[rows]
    flipped = observed.copy()
    others = np.setdiff1d(np.arange(len(rows)), local)
    flipped[others] = 999.0 - flipped[others]
    given = (made.strata[rows][local], own.margin[local])
    one, two = (adapted_to(own, PRIOR, values[local], *given) for values in (observed, flipped))
    assert one[0] == two[0]
    assert one[1].to_json() == two[1].to_json()


def test_a_held_out_site_tells_its_own_prior_nothing(tiny_study: Study, cohort, design: Design) -> None:
    splits = protocol_splits(tiny_study.protocols[1], cohort, twin_groups(cohort))
    flipped = design.observed.copy()
    flipped[splits[0].test] = np.flip(flipped[splits[0].test]) * 0.5 + 20.0
    answers = [
        answer_split(replace(design, observed=observed), replace(tiny_study, comparators=()), splits[0])
        for observed in (design.observed, flipped)
    ]
    assert answers[0].unadapted.prior == answers[1].unadapted.prior
    assert answers[0].unadapted.prior.n_sites == 3
    assert answers[0].unadapted.margin.tobytes() == answers[1].unadapted.margin.tobytes()


def test_small_sites_are_told_as_a_number_only(design: Design, tiny_study: Study) -> None:
    study, made, held = _made(design, tiny_study, spread=1.0)
    few = replace(held[0].split, test=held[0].split.test[:39])
    own = replace(held[0].unadapted, margin=held[0].unadapted.margin[:39])
    found = transport(study, made, [replace(held[0], split=few, unadapted=own), *held[1:]])
    assert found["n_sites_too_small"] == 1
    assert "0" not in found["sites"]
    assert transport(replace(study, transport=None), made, held) is None
    assert sites_prior({}) == {}
    assert set(sites_prior({"transport": found})["transport_priors"]) == {"identity"}


def test_a_group_that_no_protocol_holds_out_is_refused(tiny_study: Study) -> None:
    text = tiny_study.text.replace(
        '[transport]\ngroup = "site"\nlocal = 30', '[transport]\ngroup = "ward"\nlocal = 3'
    )
    with pytest.raises(StudyError, match=r"(?s)transport.group.*local of 20 or more"):
        read_study(text)

"""The page of one recorded answer or ranking, as one self-contained HTML document."""

from __future__ import annotations

import json

from markupsafe import Markup

from models.bundle import LoadedBundle
from serving.review.drawing import draw_band, draw_waterfall
from serving.review.forest import draw_forest
from serving.review.near_view import NearView, near_view
from serving.review.rank_view import RankView, rank_view
from serving.review.shell import Shell, template
from serving.review.signing_view import SigningView
from serving.review.views import ReviewView, review_view
from serving.review.what_if_view import Outcome, WhatIfForm, outcomes_of
from serving.review.words import odds, signed
from serving.store.records import PredictionRecord

_UNSIGNED, _NOBODY = SigningView.of(()), NearView()


def page_of(
    record: PredictionRecord,
    bundle: LoadedBundle | None,
    signing: SigningView = _UNSIGNED,
    shell: Shell | None = None,
    what_if: WhatIfForm | None = None,
) -> str:
    """The page of a recorded answer or ranking; without its bundle it tells what the record tells."""
    answer = json.loads(record.answer)
    if "ranked" in answer:
        return rank_page(rank_view(record, bundle), signing, shell)
    view = review_view(record, bundle)
    outcomes, near = outcomes_of(record.answer, view), near_view(view, answer, record.request, bundle)
    return review_page(view, signing, shell, what_if, outcomes, near)


def review_page(
    view: ReviewView,
    signing: SigningView = _UNSIGNED,
    shell: Shell | None = None,
    what_if: WhatIfForm | None = None,
    outcomes: tuple[Outcome, ...] = (),
    near: NearView = _NOBODY,
) -> str:
    """One answer's HTML; its only style is the one that the policy admits."""
    return template("review.html").render(
        view=view,
        shell=shell or Shell(),
        signing=signing,
        band=draw_band(view.band) if view.band else None,
        waterfall=draw_waterfall(view.waterfall) if view.waterfall else None,
        what_if=what_if,
        outcomes=outcomes,
        near=near,
        bands=[draw_band(one.band, f"after-{i}") if one.band else None for i, one in enumerate(outcomes)],
        ways=[_way(one, i) for i, one in enumerate(outcomes)],
        signed=signed,
        odds=odds,
    )


def _way(outcome: Outcome, i: int) -> Markup | None:
    return draw_waterfall(outcome.waterfall, f"way-{i}") if outcome.waterfall else None


def rank_page(view: RankView, signing: SigningView = _UNSIGNED, shell: Shell | None = None) -> str:
    """A ranking's HTML, of the same style."""
    forest = draw_forest(view)
    return template("ranking.html").render(view=view, shell=shell or Shell(), signing=signing, forest=forest)

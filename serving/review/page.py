"""The page of one recorded answer or ranking, as one self-contained HTML document."""

from __future__ import annotations

import json

from models.bundle import LoadedBundle
from serving.review.drawing import draw_band, draw_waterfall
from serving.review.forest import draw_forest
from serving.review.rank_view import RankView, rank_view
from serving.review.shell import Shell, template
from serving.review.signing_view import SigningView
from serving.review.views import ReviewView, review_view
from serving.review.words import signed
from serving.store.records import PredictionRecord

_UNSIGNED = SigningView.of(())


def page_of(
    record: PredictionRecord,
    bundle: LoadedBundle | None,
    signing: SigningView = _UNSIGNED,
    shell: Shell | None = None,
) -> str:
    """The page of a recorded answer or ranking; without its bundle it tells what the record tells."""
    if "ranked" in json.loads(record.answer):
        return rank_page(rank_view(record, bundle), signing, shell)
    return review_page(review_view(record, bundle), signing, shell)


def review_page(view: ReviewView, signing: SigningView = _UNSIGNED, shell: Shell | None = None) -> str:
    """One answer's HTML; its only style is the one that the policy admits."""
    return template("review.html").render(
        view=view,
        shell=shell or Shell(),
        signing=signing,
        band=draw_band(view.band) if view.band else None,
        waterfall=draw_waterfall(view.waterfall) if view.waterfall else None,
        signed=signed,
    )


def rank_page(view: RankView, signing: SigningView = _UNSIGNED, shell: Shell | None = None) -> str:
    """A ranking's HTML, of the same style."""
    forest = draw_forest(view)
    return template("ranking.html").render(view=view, shell=shell or Shell(), signing=signing, forest=forest)

"""A review page as one self-contained HTML document: no script, no other request."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from models.bundle import LoadedBundle
from serving.review.drawing import draw_band, draw_waterfall
from serving.review.forest import draw_forest
from serving.review.rank_view import RankView, rank_view
from serving.review.views import ReviewView, review_view
from serving.review.words import signed
from serving.store.records import PredictionRecord

_HERE = Path(__file__).parent
_CSS = (_HERE / "static" / "review.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()

POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def page_of(record: PredictionRecord, bundle: LoadedBundle | None) -> str:
    """The page of a recorded answer or ranking; without its bundle it tells what the record tells."""
    if "ranked" in json.loads(record.answer):
        return rank_page(rank_view(record, bundle))
    return review_page(review_view(record, bundle))


def review_page(view: ReviewView) -> str:
    """One answer's HTML; its only style is the one that `POLICY` admits."""
    return _template("review.html").render(
        view=view,
        css=Markup(_CSS),
        band=draw_band(view.band) if view.band else None,
        waterfall=draw_waterfall(view.waterfall) if view.waterfall else None,
        signed=signed,
    )


def rank_page(view: RankView) -> str:
    """A ranking's HTML, of the same style."""
    return _template("ranking.html").render(view=view, css=Markup(_CSS), forest=draw_forest(view))


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)

"""The review page as one self-contained HTML document: no script, no other request."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from serving.review.drawing import draw_band, draw_waterfall
from serving.review.views import ReviewView
from serving.review.words import signed

_HERE = Path(__file__).parent
_CSS = (_HERE / "static" / "review.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()

POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def review_page(view: ReviewView) -> str:
    """The page's HTML; its only style is the one that `POLICY` admits."""
    return _template().render(
        view=view,
        css=Markup(_CSS),
        band=draw_band(view.band) if view.band else None,
        waterfall=draw_waterfall(view.waterfall) if view.waterfall else None,
        signed=signed,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("review.html")

"""What stands around every page: its style and script, where the reader is, and who they are."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from serving.access.caller import LOCAL, Caller

WORKLIST, MODELS = "Worklist", "Models"
_HERE = Path(__file__).parent
_STYLES = ("tokens", "shell", "answer", "worklist", "near")
_CSS = "".join((_HERE / "static" / f"{name}.css").read_text(encoding="utf-8") for name in _STYLES)
_STYLE, _NOTHING = Markup(_CSS), Markup("")
_KEYS = (_HERE / "static" / "keys.js").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; style-src {_hash(_CSS)}; script-src {_hash(_KEYS)}; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""The one style, the one script, forms to this service only, and nothing else."""

HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",
}
"""Of every page; forms want the referrer's origin, which `no-referrer` would take from them."""


@dataclass(frozen=True, slots=True)
class Shell:
    """The frame of one page: where it stands, and who looks at it, if that is known."""

    here: str = ""
    who: str = ""
    script: Markup = _NOTHING
    css: Markup = _STYLE
    places: tuple[tuple[str, str], ...] = ((WORKLIST, "/review"), (MODELS, "/review/models"))


def shell_for(caller: Caller, here: str = "", has_keys: bool = False) -> Shell:
    """The frame for a caller; `has_keys` brings the script that goes through rows."""
    who = "" if caller == LOCAL else f"{caller.subject}, {caller.tenant}"
    return Shell(here, who, Markup(_KEYS) if has_keys else _NOTHING)


@cache
def template(name: str) -> Template:
    """A page's template; what it is given is escaped, and what it is not given is an error."""
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)

"""A browser's part in tests: forms found in a page and sent, and strings that want to be more than text."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlencode

import httpx

from tests.serving.client import Client

OWN = {"origin": "http://rxplain", "sec-fetch-site": "same-origin"}
HOSTILE = (
    "<script>alert(1)</script>", "</textarea><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onfocus='alert(1)' autofocus='", "javascript:alert(1)", "<svg/onload=alert(1)>", "</style><b>",
    "{{ 7 * 7 }}", "{% include 'page.html' %}", "<!--", "]]>", "&lt;script&gt;", "%3Cscript%3E",
    "\\u003cscript>",
    "<a href=//evil.example>x</a>", "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example>", "\u202eevil", "=cmd|' /C calc'!A0", "'; DROP TABLE verdicts; --",
)  # fmt: skip


class Forms(HTMLParser):
    """The forms of a page by their address, each with what the browser would send of it unchanged."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._fields: dict[str, str] = {}
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        a = dict(attributes)
        if tag == "form":
            self._fields = self.found[a["action"]] = {}
        elif tag == "input" and a.get("type") not in ("radio", "checkbox"):
            self._fields[a["name"]] = a.get("value") or ""
        elif tag == "select":
            self._select = a["name"]
        elif tag == "option" and ("selected" in a or self._select not in self._fields):
            self._fields[self._select] = a["value"]


def form_of(page: str, ending: str) -> tuple[str, dict[str, str]]:
    """The form whose address ends so: the address without its place on the page, and its fields."""
    found = [(a.partition("#")[0], fields) for a, fields in Forms(page).found.items()]
    ((address, fields),) = [one for one in found if one[0].endswith(ending)]
    return address, fields


def send(client: Client, address: str, fields: dict[str, object], **headers: str) -> httpx.Response:
    """Send a form as the browser does."""
    told = {"content-type": "application/x-www-form-urlencoded", **OWN, **headers}
    body = urlencode(fields, doseq=True, errors="surrogatepass")
    return client.request("POST", address, content=body, headers={k: v for k, v in told.items() if v})

"""The worklist and the sign-off as a browser without JavaScript uses them."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import quote

import pytest

from serving.review.list_view import NOTICES
from serving.review.shell import POLICY
from serving.store.store import Store
from tests.serving.client import Client
from tests.serving.pages import HOSTILE, form_of, send
from tests.serving.test_review import Outline
from tests.serving.tiny import PATIENT


@pytest.fixture
def own(start) -> Client:
    """A service of the test's own."""
    return start()


def _listed(client: Client, query: str = "") -> list[str]:
    page = client.get(f"/review{query}")
    assert page.status_code == 200
    assert Outline(page.text).open == []
    return re.findall(r'<a href="/review/([0-9a-f]{32})" data-row>', page.text)


def _ask(client: Client, patient_id: str = "patient-7", **options: object) -> dict:
    return client.predict({**PATIENT, "patient_id": patient_id}, **options).json()


def _sign(client: Client, prediction_id: str, **fields: object):
    address, hidden = form_of(client.get(f"/review/{prediction_id}").text, "/verdicts")
    return send(client, address, {**hidden, **fields})


def test_the_newest_answer_comes_first_and_pages_lead_down_and_up(own: Client) -> None:
    made = [_ask(own, explain="none")["id"] for _ in range(60)][::-1]
    seen, address = [], "/review"
    while address:
        page = own.get(address).text
        seen += re.findall(r'href="/review/([0-9a-f]{32})"', page)
        found = re.search(r'<a href="([^"]*)" rel="next">', page)
        address = unescape(found[1]) if found else ""
    assert seen == made
    up = unescape(re.search(r'<a href="([^"]*)" rel="prev">', page)[1])
    assert _listed(own, up.removeprefix("/review")) == made[25:50]


def test_the_list_says_what_the_answer_says(own: Client) -> None:
    answer = _ask(own, "anna")
    row = re.search(r"<tr>\s*<th scope=\"row\".*?</tr>", own.get("/review").text, re.DOTALL)[0]
    interval = answer["interval"]
    assert ">anna</a>" in row
    assert f"<strong>{answer['value']:.1f} mg a week</strong>" in row
    ends = re.search(r"<small>([\d.]+) to ([\d.]+)</small>", row).groups()
    assert list(map(float, ends)) == pytest.approx([interval["lower"], interval["upper"]], abs=0.051)
    assert "Warfarin: weekly dose <small>tiny v1</small>" in row


def test_filters_stand_in_the_address_and_in_the_form(own: Client) -> None:
    usual = _ask(own)
    declined = own.predict({"patient_id": "bare"}).json()
    assert _listed(own, "?given=no") == [declined["id"]]
    assert _listed(own, "?given=yes&study=tiny") == [usual["id"]]
    assert _listed(own, "?notice=required_missing") == [declined["id"]]
    assert _listed(own, "?study=none") == []
    page = own.get("/review?given=no&notice=required_missing").text
    _, fields = form_of(page, "/review")
    assert (fields["given"], fields["notice"], fields["study"]) == ("no", "required_missing", "")
    assert NOTICES["required_missing"] in page
    assert "No number" in page


def test_simulations_are_listed_only_when_asked_for(own: Client) -> None:
    change = {"name": "without", "medications": [{"drug": "amiodarone", "taken": False}]}
    body = {"study": "tiny", "patient": PATIENT, "changes": [change]}
    made = own.request("POST", "/v1/simulate", json=body).json()["id"]
    assert _listed(own) == []
    assert _listed(own, "?kind=simulation") == [made]


def test_a_patient_is_found_without_being_named_in_an_address(own: Client) -> None:
    anna, _ = _ask(own, "anna"), _ask(own, "bert")
    found = send(own, "/review/find", {"sought": " anna "})
    assert found.status_code == 303
    where = found.headers["location"]
    assert "anna" not in where
    assert _listed(own, where.removeprefix("/review")) == [anna["id"]]
    assert send(own, "/review/find", {"sought": anna["id"]}).headers["location"] == f"/review/{anna['id']}"
    nobody = send(own, "/review/find", {"sought": "nobody"}).headers["location"]
    assert _listed(own, nobody.removeprefix("/review")) == []


def test_an_answer_is_signed_on_its_page_and_moves_from_tab_to_tab(own: Client) -> None:
    made = _ask(own)["id"]
    assert _listed(own) == [made]
    fields = {"verdict": "disagree", "reasons": ["input-wrong", "too-uncertain"], "comment": "Weight was 62."}
    done = _sign(own, made, **fields)
    assert (done.status_code, done.headers["location"]) == (303, f"/review/{made}#signed")
    page = own.get(f"/review/{made}").text
    for words in ("One reader disagrees", "Weight was 62.", "The interval is too wide to act on", "local"):
        assert words in page
    assert _listed(own) == []
    assert _listed(own, "?show=signed") == _listed(own, "?show=second") == [made]
    (kept,) = own.get(f"/v1/predictions/{made}/verdicts").json()["verdicts"]
    assert (kept["verdict"], kept["reasons"]) == ("disagree", ["input-wrong", "too-uncertain"])
    assert _sign(own, made, verdict="agree").status_code == 303
    page = own.get(f"/review/{made}").text
    assert "amends their verdict before" in page
    assert "Weight was 62." in page
    store = Store.open(own.settings)
    assert (store.verify_verdicts().n_rows, store.verify_verdicts().broken) == (2, None)
    looks = [(look.method, look.route, look.status) for look in store.audit.of_record(made, "local")]
    assert looks.count(("POST", "/review/{id}/verdicts", 303)) == 2
    store.close()


def test_what_is_wrong_with_a_verdict_is_told_beside_what_was_typed(own: Client) -> None:
    made = _ask(own)["id"]
    refused = _sign(own, made, comment="long thought")
    assert refused.status_code == 422
    assert "Choose a verdict." in refused.text
    assert "long thought</textarea>" in refused.text
    assert "Give at least one reason" in _sign(own, made, verdict="disagree").text
    assert own.get(f"/v1/predictions/{made}/verdicts").json()["verdicts"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example", "sec-fetch-site": ""},
        {"origin": "http://evil.example", "sec-fetch-site": "same-origin"},
        {"origin": "null", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "", "sec-fetch-site": ""},
    ],
)
def test_a_form_of_another_site_is_refused(own: Client, headers: dict) -> None:
    made = _ask(own)["id"]
    address, hidden = form_of(own.get(f"/review/{made}").text, "/verdicts")
    refused = send(own, address, {**hidden, "verdict": "agree"}, **headers)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:rxplain:problem:not-permitted")
    assert own.get(f"/v1/predictions/{made}/verdicts").json()["verdicts"] == []


def test_a_form_without_its_own_token_signs_nothing(own: Client) -> None:
    made, other = _ask(own)["id"], _ask(own)["id"]
    address, hidden = form_of(own.get(f"/review/{made}").text, "/verdicts")
    _, strange = form_of(own.get(f"/review/{other}").text, "/verdicts")
    old = f"{int(hidden['token'].partition('.')[0]) - 13 * 3600}.{hidden['token'].partition('.')[2]}"
    for token in (
        "",
        strange["token"],
        old,
        hidden["token"][:-1],
        "é",
        "\N{ARABIC-INDIC DIGIT ONE}." + "0" * 64,
    ):
        refused = send(own, address, {"token": token, "verdict": "agree"})
        assert refused.status_code == 422
        assert "lay open for too long" in refused.text
    assert own.get(f"/v1/predictions/{made}/verdicts").json()["verdicts"] == []


def test_hostile_strings_stay_text_everywhere(own: Client) -> None:
    for text in HOSTILE:
        answer = _ask(own, text)
        made = (answer if "id" in answer else _ask(own))["id"]  # not every text may name a patient
        assert _sign(own, made, verdict="unsure", comment=text).status_code == 303
        pages = [own.get(f"/review/{made}"), own.get("/review?show=all")]
        pages += [
            own.get(f"/review?{name}={quote(text)}") for name in ("study", "notice", "who", "before", "show")
        ]
        pages.append(_sign(own, made, verdict=text, comment=text))
        for page in pages:
            assert page.headers["content-security-policy"] == POLICY
            outline = Outline(page.text)
            assert outline.open == []
            scripts = [a for tag, a in outline.tags if tag == "script"]
            assert scripts in ([], [{"type": "module"}])
            tags = [tag for tag, _ in outline.tags]
            assert (tags.count("meta"), tags.count("style")) == (4, 1)
            assert not {"img", "base", "iframe", "b"} & set(tags)
            addresses = [a[name] for _, a in outline.tags for name in ("href", "action") if name in a]
            assert all(re.match(r"/review\b|#", address) for address in addresses)
            assert not [name for _, a in outline.tags for name in a if name.startswith("on")]
            assert "evil.example>" not in re.sub(r"&[a-z#0-9]+;", "", page.text)
        assert unescape(re.search(r'class="comment">(.*?)</p>', pages[0].text, re.DOTALL)[1]) == text
        assert own.get(f"/v1/predictions/{made}/verdicts").json()["verdicts"][0]["comment"] == text


@pytest.mark.parametrize("body", ["%", "a=%ff", "a", "&".join(f"f{i}=1" for i in range(300))])
def test_what_is_no_form_is_refused(own: Client, body: str) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded", "origin": "http://rxplain"}
    refused = own.request("POST", "/review/find", content=body, headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (400, "urn:rxplain:problem:malformed-form")


def test_models_in_service_have_a_page(own: Client) -> None:
    page = own.get("/review/models")
    assert (page.status_code, Outline(page.text).open) == (200, [])
    assert "1 model is in service" in page.text
    assert 'aria-current="page">Models' in page.text

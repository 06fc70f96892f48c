"""Browsers sign in with a key: the cookie is for pages only, and ends with the key."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.access.caller import Role
from serving.access.key_file import KeyFile
from serving.access.sessions import COOKIE, GOOD_FOR_S
from serving.settings import Settings
from tests.serving.access.test_matrix import issued
from tests.serving.client import Client
from tests.serving.pages import form_of, send
from tests.serving.tiny import PATIENT, STUDY, copy_home

BROWSER = {"accept": "text/html,*/*;q=0.8"}


class Office:
    """A service with access, and a clinician's key."""

    def __init__(self, client: Client, keys: KeyFile) -> None:
        self.client, self.keys = client, keys
        self.key = issued(keys, "north", [Role.CLINICIAN], genomic=True)

    def sign_in(self, key: str | None = None, **headers: str):
        return send(self.client, "/review/session", {"key": key or self.key}, **headers)

    def get(self, path: str, cookie: str, **headers: str):
        return self.client.request("GET", path, headers={"cookie": cookie, **headers})


@pytest.fixture(scope="module")
def office(shelf_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    path = folder / "access.toml"
    path.write_text('tenants = ["north", "south"]\nkeys = "keys.json"\n')
    with Client(Settings(home=copy_home(shelf_home, folder / "home"), access=path)) as started:
        yield Office(started, KeyFile(folder / "keys.json"))


def _cookie(response) -> str:
    assert response.status_code == 303
    return response.headers["set-cookie"].partition(";")[0]


def test_a_key_opens_the_pages_and_nothing_else(office: Office) -> None:
    cookie = _cookie(office.sign_in())
    assert office.key not in cookie
    assert office.get("/review", cookie).status_code == 200
    assert office.get("/review", cookie).text.count("Sign out") == 1
    for path in ("/v1/models", "/v1/predictions/x", "/metrics"):
        assert office.get(path, cookie).status_code == 401
    body = {"study": STUDY, "patient": PATIENT}
    headers = {"cookie": cookie}
    assert office.client.request("POST", "/v1/predict", json=body, headers=headers).status_code == 401


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(office: Office) -> None:
    told = office.sign_in().headers["set-cookie"]
    for word in ("HttpOnly", "SameSite=Strict", "Secure", "Path=/review", f"Max-Age={GOOD_FOR_S}"):
        assert word in told
    local = {"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000"}
    assert "Secure" not in office.sign_in(**local).headers["set-cookie"]


def test_an_answer_is_signed_in_the_name_of_the_session(office: Office) -> None:
    headers = {"authorization": f"Bearer {office.key}"}
    body = {"study": STUDY, "patient": PATIENT}
    made = office.client.request("POST", "/v1/predict", json=body, headers=headers).json()["id"]
    cookie = _cookie(office.sign_in())
    address, hidden = form_of(office.get(f"/review/{made}", cookie).text, f"{made}/verdicts")
    assert send(office.client, address, {**hidden, "verdict": "agree"}).status_code == 401
    done = send(office.client, address, {**hidden, "verdict": "agree"}, cookie=cookie)
    assert done.status_code == 303
    told = office.client.request("GET", f"/v1/predictions/{made}/verdicts", headers=headers).json()
    assert told["verdicts"][0]["by"] == f"key:{office.key.split('_')[1]}"
    second = issued(office.keys, "north", [Role.REVIEWER], genomic=True)
    time.sleep(1.1)
    another = _cookie(office.sign_in(second))
    refused = send(office.client, address, {**hidden, "verdict": "agree"}, cookie=another)
    assert refused.status_code == 422  # the form was another reader's
    _, own = form_of(office.get(f"/review/{made}", another).text, f"{made}/verdicts")
    assert send(office.client, address, {**own, "verdict": "agree"}, cookie=another).status_code == 303
    assert "All 2 readers agree" in office.get(f"/review/{made}", cookie).text


def test_a_forged_or_spent_cookie_opens_nothing(office: Office) -> None:
    value = _cookie(office.sign_in()).partition("=")[2]
    key_id, until, mac = value.split(".")
    later, past = f"{int(until) + 1}", f"{int(time.time()) - 1}"
    forged = [
        f"{key_id}.{later}.{mac}",
        f"{key_id}.{past}.{mac}",
        f"x{key_id}.{until}.{mac}",
        value[:-1],
        "",
        "..",
    ]
    for one in forged:
        assert office.get("/review", f"{COOKIE}={one}").status_code == 401


def test_a_revoked_key_ends_its_session(office: Office) -> None:
    key = issued(office.keys, "north", [Role.CLINICIAN], genomic=True)
    time.sleep(1.1)
    cookie = _cookie(office.sign_in(key))
    assert office.get("/review", cookie).status_code == 200
    office.keys.change(lambda known: known.without(key.split("_")[1]))
    time.sleep(1.1)
    assert office.get("/review", cookie).status_code == 401


def test_a_wrong_key_is_told_and_never_shown_again(office: Office) -> None:
    refused = office.sign_in("rxp_0123456789ab_wrong")
    assert refused.status_code == 401
    assert "no valid key" in refused.text
    assert "0123456789ab" not in refused.text
    assert "set-cookie" not in refused.headers


def test_a_browser_is_shown_where_to_sign_in_and_an_application_is_not(office: Office) -> None:
    shown = office.get("/review", "", **BROWSER)
    assert (shown.status_code, shown.headers["location"]) == (303, "/review/session")
    assert office.get("/review", "").status_code == 401
    assert office.get("/v1/models", "", **BROWSER).status_code == 401
    page = office.get("/review/session", "")
    assert form_of(page.text, "/review/session")[1] == {"key": ""}


def test_signing_out_takes_the_cookie_away(office: Office) -> None:
    gone = send(office.client, "/review/session/end", {"x": ""})
    assert f"{COOKIE}=;" in gone.headers["set-cookie"]
    assert "Max-Age=0" in gone.headers["set-cookie"]


def test_without_access_there_is_nothing_to_sign_in_to(client: Client) -> None:
    assert client.get("/review/session").headers["location"] == "/review"

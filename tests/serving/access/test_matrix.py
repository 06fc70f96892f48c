"""Who may do what: every route of the real router, asked by every role of two tenants, beside a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route as PlainRoute

from features.errors import SettingsError
from serving.access.access import Access
from serving.access.caller import Role
from serving.access.key_file import KeyFile
from serving.access.keys import Issued
from serving.access.policy import MODELS, OPEN
from serving.access.route import Route, guarded
from serving.settings import Settings
from tests.serving.client import Client
from tests.serving.tiny import PATIENT, STUDY, copy_home

ASKED = {"study": STUDY, "patient": PATIENT}
CHANGES = {"changes": [{"name": "with amiodarone", "medications": [{"drug": "amiodarone", "taken": True}]}]}
SESSIONS = {"/review/session", "/review/session/end"}
OPEN_ROUTES = {"/livez", "/readyz", "/openapi.json", "/cds-services"} | SESSIONS
MODEL_ROUTES = {"/v1/models", "/v1/models/{study}", "/v1/models/{study}/schema"} | {
    "/review/models",
    "/review/models/{study}",
}
HOOKS = {"/cds-services/{service}", "/cds-services/{service}/feedback"}
QUESTIONS = ("predict", "rank", "simulate", "explain", "similar", "batch")
ASKING = {f"/v1/{what}" for what in QUESTIONS} | HOOKS
FORMS = {"/review/{id}/verdicts", "/review/{id}/what-if"}
LISTS = {"/review", "/review/find"}
COMPARED = "/review/{id}/compare"
SHOWN = {"/review/{id}", "/review/{id}/pdf", "/review/{id}/fhir", "/review/{id}/near", COMPARED} | FORMS
READ = {"/v1/predictions/{id}"} | SHOWN
OUTCOMES, FEEDBACK = "/v1/predictions/{id}/outcomes", "/v1/predictions/{id}/feedback"
VERDICTS = "/v1/predictions/{id}/verdicts"
MODEL_VERDICTS, MODEL_FORM = "/v1/models/{study}/verdicts", "/review/models/{study}/verdicts"
SIGNED_MODELS = {MODEL_VERDICTS, MODEL_FORM}
EXPORT, ERASE = "/v1/patients/export", "/v1/patients/erase"
RECORDS = READ | {OUTCOMES, FEEDBACK, VERDICTS}
MAY = {
    Role.APPLICATION: ASKING | MODEL_ROUTES | {OUTCOMES},
    Role.CLINICIAN: ASKING | MODEL_ROUTES | RECORDS | LISTS | SIGNED_MODELS,
    Role.REVIEWER: MODEL_ROUTES | READ | LISTS | {VERDICTS} | SIGNED_MODELS,
    Role.DATA_SCIENTIST: MODEL_ROUTES | {"/metrics"},
    Role.ADMINISTRATOR: {"/metrics", EXPORT, ERASE},
    None: set(),
}
GENOMIC_ONLY = SHOWN | {EXPORT}
TOLD = {
    OUTCOMES: {"name": "weekly_dose", "value": 30.0, "unit": "mg/wk"},
    FEEDBACK: {"kind": "agreed"},
    VERDICTS: {"verdict": "unsure", "reasons": ["too-uncertain"], "comment": "who knows"},
    MODEL_VERDICTS: {"version": 1, "verdict": "agree"},
    EXPORT: {"patient_id": "nobody"},
    ERASE: {"patient_id": "nobody"},
}
DONE = {(path, "POST"): 201 for path in (OUTCOMES, FEEDBACK, VERDICTS, MODEL_VERDICTS)} | {
    ("/review/find", "POST"): 303, ("/review/session", "POST"): 401, ("/review/session/end", "POST"): 303,
    **{(path, "POST"): 422 for path in (*FORMS, MODEL_FORM)},  # a form without its token
    **{(path, "POST"): 400 for path in HOOKS},  # a body that is no hook's
}  # fmt: skip
"""What a request that may be sent is answered with, where it is not 200."""


class Served:
    """The application with access configured, a key for every sort of caller, and one record of `north`."""

    def __init__(self, client: Client, keys: KeyFile) -> None:
        self.client = client
        self.routes = [
            (r.path, m) for r in client.app.routes[0].app.routes for m in sorted(r.methods - {"HEAD"})
        ]
        self.keys = {
            (role, tenant, genomic): issued(keys, tenant, [role] if role else [], genomic)
            for role in (*Role, None)
            for tenant in ("north", "south")
            for genomic in (True, False)
        }
        self.id = self.ask("/v1/predict", "POST", self.keys[Role.APPLICATION, "north", True]).json()["id"]

    def ask(self, path: str, method: str, credential: str | None) -> httpx.Response:
        """A request that this route could answer."""
        where = path.replace("{study}", STUDY).replace("{service}", f"{STUDY}-order-sign")
        where = where.replace("{id}", self.id) if "{id}" in where else where
        where += f"?with={self.id}" if path == COMPARED else ""
        headers = {"authorization": f"Bearer {credential}"} if credential else {}
        if method != "POST":
            return self.client.request(method, where, headers=headers)
        if path.startswith("/review"):
            headers |= {"origin": "http://rxplain", "content-type": "application/x-www-form-urlencoded"}
            return self.client.request(method, where, content="sought=x", headers=headers)
        body = TOLD.get(path) or ASKED | (CHANGES if path == "/v1/simulate" else {})
        media = "application/x-ndjson" if path == "/v1/batch" else "application/json"
        headers["content-type"] = media
        return self.client.request(method, where, content=json.dumps(body), headers=headers)


def issued(file: KeyFile, tenant: str, roles: list[Role], genomic: bool, days: float = 1.0) -> str:
    """A new key."""
    expires = datetime.now(UTC) + timedelta(days=days)

    def issue(keys: Issued) -> tuple[Issued, str]:
        after, _, credential = keys.with_key(tenant, tuple(roles), genomic, "", expires)
        return after, credential

    return file.change(issue)


@pytest.fixture(scope="module")
def served(shelf_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The application over a home of its own."""
    folder = tmp_path_factory.mktemp("guarded")
    path = folder / "access.toml"
    path.write_text('tenants = ["north", "south"]\nkeys = "keys.json"\n')
    with Client(Settings(home=copy_home(shelf_home, folder / "home"), access=path)) as started:
        yield Served(started, KeyFile(folder / "keys.json"))


def test_no_cell_of_the_matrix_is_wrong(served: Served) -> None:
    wrong = []
    for path, method in served.routes:
        for (role, tenant, genomic), credential in served.keys.items():
            status = served.ask(path, method, credential).status_code
            may = path in OPEN_ROUTES or (path in MAY[role] and (genomic or path not in GENOMIC_ONLY))
            done = DONE.get((path, method), 200)
            expected = 403 if not may else 404 if path in RECORDS and tenant == "south" else done
            if status != expected:
                wrong.append((path, method, role, tenant, genomic, status, expected))
    assert not wrong
    assert len(served.routes) * len(served.keys) >= 13 * 24


def test_the_table_knows_every_route_and_no_other(served: Served) -> None:
    assert {path for path, _ in served.routes} == OPEN_ROUTES.union(*MAY.values())


@pytest.mark.parametrize("credential", [None, "rxp_0123456789ab_" + "x" * 43, "a.b.c"])
def test_whoever_proves_nothing_gets_in_at_open_routes_only(served: Served, credential: str | None) -> None:
    for path, method in served.routes:
        response = served.ask(path, method, credential)
        is_open = path in OPEN_ROUTES
        assert response.status_code == (DONE.get((path, method), 200) if is_open else 401), path
        if not is_open:
            assert response.headers["www-authenticate"].startswith('Bearer realm="rxplain"')
            kind = "invalid-credentials" if credential else "unauthenticated"
            if path in HOOKS:
                assert response.headers["content-type"] == "application/fhir+json"
                assert kind in response.text
            else:
                assert response.headers["content-type"] == "application/problem+json"
                assert response.json()["type"] == f"urn:rxplain:problem:{kind}"


def test_another_tenants_record_looks_like_none_at_all(served: Served) -> None:
    stranger = {"authorization": f"Bearer {served.keys[Role.REVIEWER, 'south', True]}"}
    for path in ("/v1/predictions/", "/review/"):
        theirs = served.client.request("GET", path + served.id, headers=stranger)
        none = served.client.request("GET", path + "0" * 32, headers=stranger)
        assert theirs.status_code == 404
        assert theirs.content == none.content


def test_a_refusal_says_which_role_is_wanted_and_nothing_of_the_caller(served: Served) -> None:
    refused = served.ask("/v1/predict", "POST", served.keys[Role.ADMINISTRATOR, "north", True]).json()
    assert refused["type"] == "urn:rxplain:problem:not-permitted"
    assert refused["detail"] == "This needs the role application or clinician."


def test_the_openapi_document_asks_for_credentials_exactly_where_they_are_needed(served: Served) -> None:
    paths = served.client.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for operation in methods.values():
            assert ("security" in operation) == (path not in OPEN_ROUTES)
            assert ("401" in operation["responses"]) == (path not in OPEN_ROUTES)


def test_metrics_may_be_opened_to_all(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "access.toml"
    path.write_text('tenants = ["north"]\nkeys = "keys.json"\nmetrics = "open"\n')
    with Client(Settings(home=home, access=path)) as client:
        assert client.get("/metrics").status_code == 200
        assert client.get("/v1/models").status_code == 401


async def _unused(_: object) -> None:
    raise AssertionError("nothing is asked")


@pytest.mark.parametrize("route", [Route("/extra", lambda _: None), PlainRoute("/extra", lambda _: None)])
def test_a_route_without_a_policy_is_not_served(home: Path, route: PlainRoute) -> None:
    with pytest.raises(SettingsError, match="/extra: declares no policy"):
        guarded([Route("/known", lambda _: None, OPEN), route], Access(None), _unused)


def test_the_service_does_not_start_with_an_undeclared_route(home: Path) -> None:
    from serving.service import rxplain_service

    with pytest.raises(SettingsError, match="declares no policy"):
        rxplain_service(Settings(home=home), (PlainRoute("/echo", lambda _: None),))


def test_every_route_of_the_product_declares_its_policy(client: Client) -> None:
    routes = client.app.routes[0].app.routes
    assert all(isinstance(route, Route) and route.policy is not None for route in routes)
    (models,) = (route for route in routes if route.path == "/v1/models")
    assert models.policy is MODELS


def test_without_access_only_this_machine_is_answered(client: Client) -> None:
    for host, status in (("127.0.0.1:80", 200), ("192.0.2.7:80", 401)):
        transport = httpx.ASGITransport(client.app, raise_app_exceptions=False)
        with_port = httpx.AsyncClient(transport=transport, base_url=f"http://{host.replace(':80', ':8000')}")
        response = client.run(with_port.get("/v1/models"))
        assert response.status_code == status
        client.run(with_port.aclose())

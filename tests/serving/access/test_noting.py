"""Who looked at what is kept of a patient: every look has its row, and nothing goes out without it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.access.caller import Role
from serving.access.key_file import KeyFile
from serving.settings import Settings
from serving.store.store import Store
from tests.serving.access.test_matrix import issued
from tests.serving.client import Client
from tests.serving.tiny import PATIENT, STUDY, copy_home

ASKED = {"study": STUDY, "patient": PATIENT}


class Watched:
    """The application with access configured, its keys, and the audit that it writes."""

    def __init__(self, client: Client, keys: KeyFile) -> None:
        self.client, self.file = client, keys
        self.north = issued(keys, "north", [Role.CLINICIAN], genomic=True)
        self.plain = issued(keys, "north", [Role.REVIEWER], genomic=False)
        self.south = issued(keys, "south", [Role.REVIEWER], genomic=True)

    def ask(self, credential: str, method: str, path: str, **options: object):
        """A request with a key."""
        headers = {"authorization": f"Bearer {credential}", **options.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **options)

    def run(self, statement: str) -> int | None:
        """The first number that a statement gives, run beside the application."""
        with contextlib.closing(sqlite3.connect(self.client.settings.home / "store.db")) as connection:
            found = connection.execute(statement).fetchone()
            connection.commit()
        return found[0] if found else None

    def rows(self, record_id: str, tenant: str = "north") -> list[tuple[str, str, str, int]]:
        """Who did what with a record, as (subject, method, route, status)."""
        store = Store.open(self.client.settings)
        found = store.audit.of_record(record_id, tenant)
        store.close()
        return [(one.subject, one.method, one.route, one.status) for one in found]


@pytest.fixture(scope="module")
def watched(shelf_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    path = folder / "access.toml"
    path.write_text('tenants = ["north", "south"]\nkeys = "keys.json"\n')
    with Client(Settings(home=copy_home(shelf_home, folder / "home"), access=path)) as started:
        yield Watched(started, KeyFile(folder / "keys.json"))


def _subject(credential: str) -> str:
    return f"key:{credential.split('_')[1]}"


def test_every_look_at_a_record_has_its_row(watched: Watched) -> None:
    made = watched.ask(watched.north, "POST", "/v1/predict", json=ASKED).json()["id"]
    assert watched.ask(watched.north, "GET", f"/review/{made}").status_code == 200
    assert watched.ask(watched.plain, "GET", f"/v1/predictions/{made}").status_code == 200
    assert watched.ask(watched.plain, "GET", f"/review/{made}").status_code == 403
    assert watched.ask(watched.south, "GET", f"/v1/predictions/{made}").status_code == 404
    north, plain, south = map(_subject, (watched.north, watched.plain, watched.south))
    assert watched.rows(made) == [
        (north, "GET", "/review/{id}", 200),
        (plain, "GET", "/v1/predictions/{id}", 200), (plain, "GET", "/review/{id}", 403),
    ]  # fmt: skip
    assert watched.rows(made, "south") == [(south, "GET", "/v1/predictions/{id}", 404)]


def test_what_somebody_writes_for_an_id_is_not_kept(watched: Watched) -> None:
    canary = "canary-patient"
    assert watched.ask(watched.north, "GET", f"/v1/predictions/{canary}").status_code == 404
    assert watched.rows(canary) == []
    home = watched.client.settings.home
    assert not any(canary.encode() in file.read_bytes() for file in home.glob("store.db*"))


def test_models_are_read_without_a_row(watched: Watched) -> None:
    before = watched.run("SELECT count(*) FROM access")
    assert watched.ask(watched.north, "GET", "/v1/models").status_code == 200
    assert watched.run("SELECT count(*) FROM access") == before
    assert watched.ask(watched.north, "GET", f"/v1/predictions/{'0' * 32}").status_code == 404
    assert watched.run("SELECT count(*) FROM access") == before + 1


def test_what_cannot_be_noted_is_not_answered(watched: Watched) -> None:
    made = watched.ask(watched.north, "POST", "/v1/predict", json=ASKED).json()["id"]
    watched.run("ALTER TABLE access RENAME TO elsewhere")
    responses = [
        watched.ask(watched.north, "GET", f"/v1/predictions/{made}"),
        watched.ask(watched.north, "GET", f"/review/{made}"),
    ]
    watched.run("ALTER TABLE elsewhere RENAME TO access")
    for response in responses:
        assert response.status_code == 503
        assert response.json()["type"] == "urn:rxplain:problem:audit-unavailable"
        assert made not in response.text
    assert watched.rows(made) == []


def test_without_access_configured_a_look_is_this_machines(client: Client) -> None:
    made = client.predict().json()["id"]
    assert client.get(f"/v1/predictions/{made}").status_code == 200
    store = Store.open(client.settings)
    (look,) = store.audit.of_record(made, "local")
    store.close()
    assert (look.subject, look.method, look.route) == ("local", "GET", "/v1/predictions/{id}")

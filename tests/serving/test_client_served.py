"""The Python client against real server processes, some of which are killed."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serving.access.caller import Role
from serving.access.key_file import KeyFile
from serving.client import Client
from serving.client_problems import InvalidRequest, NotFound, NotPermitted, Overloaded
from serving.settings import Settings
from serving.store.store import Store
from tests.serving.access.test_matrix import issued
from tests.serving.server_process import ServerProcess
from tests.serving.tiny import PATIENT, STUDY, copy_home
from tests.serving.tiny_sets import DRUGS, PANEL, make_homes, patient

pytestmark = pytest.mark.slow
LIGHTER = {"name": "lighter", "clinical": {"weight": {"value": 48, "unit": "kg"}}}


@pytest.fixture(scope="module")
def service(shelf_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server with a model of each kind."""
    home = copy_home(shelf_home, tmp_path_factory.mktemp("asked") / "home")
    make_homes(home)
    with ServerProcess(home) as server, Client(f"http://127.0.0.1:{server.port}") as client:
        yield client


def _n_rows(home: Path) -> int:
    store = Store.open(Settings(home=home))
    verified = store.verify()
    store.close()
    assert verified.broken is None
    return verified.n_rows


def test_a_patient_is_asked_about_in_every_way(service: Client) -> None:
    answer = service.predict(STUDY, PATIENT, explain="top")
    assert service.prediction(answer["id"]) == answer
    assert answer["explanation"] is not None
    simulated = service.simulate(STUDY, PATIENT, [LIGHTER])["simulated"][0]
    assert simulated["difference"] is not None
    ranking = service.rank(PANEL, patient(), options=DRUGS[:3], level=0.8)
    assert [one["place"] for one in ranking["ranked"]] == [1, 2, 3]
    assert service.predict(PANEL, patient(), drug=DRUGS[1], explain="none")["explanation"] is None


def test_models_tell_of_themselves(service: Client) -> None:
    studies = [model["study"] for model in service.models()]
    assert STUDY in studies
    assert service.card(STUDY) == service.model(STUDY)["card"]
    assert service.schema(STUDY)["properties"]["study"] == {"const": STUDY}


def test_a_version_is_signed_once(service: Client) -> None:
    version = service.model(STUDY)["version"]
    kept = [
        service.sign_model(STUDY, version, "unsure", ["card-incomplete"], key="signed-once") for _ in range(2)
    ]
    (told,) = service.get(f"/v1/models/{STUDY}/verdicts")["versions"]
    assert told["verdicts"] == [kept[0]] == [kept[1]]


def test_what_became_of_the_patient_is_told_once(service: Client) -> None:
    answer = service.predict(STUDY, PATIENT)
    for _ in range(2):
        kept = service.report_outcome(answer["id"], answer["outcome"], 31.5, answer["unit"], key=answer["id"])
    assert service.outcomes(answer["id"]) == [kept]
    said = service.give_feedback(answer["id"], "overridden", "renal failure")
    assert service.feedback(answer["id"]) == [said]


def test_faults_have_pointers(service: Client) -> None:
    wrong = {"patient_id": "p", "clinical": {"age": {"value": 63}, "colour": {"value": "blue"}}}
    with pytest.raises(InvalidRequest) as raised:
        service.predict(STUDY, wrong)
    assert {fault.where for fault in raised.value.faults} == {"/patient/clinical", "/patient/clinical/age"}
    assert "colour" not in str(raised.value)
    with pytest.raises(NotFound, match="unknown-study"):
        service.card("a study of nobody")


def test_a_batch_is_drawn_as_it_is_answered_and_one_bad_patient_spoils_nothing(service: Client) -> None:
    drawn = 0

    def patients() -> Iterator[dict]:
        nonlocal drawn
        for drawn in range(1, 1201):
            yield {} if drawn == 700 else PATIENT | {"patient_id": f"p{drawn}"}

    rows = service.batch(STUDY, patients(), explain="none")
    first = next(rows)
    assert drawn == 1
    others = list(rows)
    assert [row.line for row in others] == list(range(2, 1201))
    assert [row.line for row in others if row.problem is not None] == [700]
    alone = service.predict(STUDY, PATIENT | {"patient_id": "p1"}, explain="none")
    assert first.answer == alone | {"id": first.answer["id"]}
    assert others[1000].answer["value"] == alone["value"]


def test_a_worker_killed_with_a_request_in_hand_leaves_one_row(home: Path) -> None:
    with ServerProcess(home) as server, Client(f"http://127.0.0.1:{server.port}") as client:
        client.predict(STUDY, PATIENT)
        (worker,) = server.workers()
        worker.send_signal(signal.SIGSTOP)
        killing = threading.Timer(0.5, worker.kill)
        killing.start()
        second = client.predict(STUDY, PATIENT)
        killing.join()
        assert worker.pid not in {one.pid for one in server.workers()}
        assert client.prediction(second["id"]) == second
    assert _n_rows(home) == 2


def test_workers_killed_under_load_lose_no_answer(home: Path) -> None:
    with (
        ServerProcess(home, "--workers", "2") as server,
        Client(f"http://127.0.0.1:{server.port}", patience_s=90) as client,
        ThreadPoolExecutor(6) as pool,
    ):
        asked = [pool.submit(client.predict, STUDY, PATIENT | {"patient_id": f"p{i}"}) for i in range(600)]
        for _ in range(2):
            time.sleep(0.4)
            os.kill(server.workers()[0].pid, signal.SIGKILL)
        answers = [one.result() for one in asked]
    assert [one["patient_id"] for one in answers] == [f"p{i}" for i in range(600)]
    store = Store.open(Settings(home=home))
    assert all(store.predictions.find(one["id"], "local").is_erased is False for one in answers)
    store.close()
    assert 600 <= _n_rows(home) <= 600 + 2 * 6


def test_overload_is_waited_for_or_told(home: Path) -> None:
    head = (
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    )
    with (
        ServerProcess(home, RXPLAIN_IN_FLIGHT_LIMIT="1") as server,
        socket.create_connection(("127.0.0.1", server.port)) as holding,
    ):
        address = f"http://127.0.0.1:{server.port}"
        holding.sendall(head + b"{")
        time.sleep(0.3)
        with Client(address, patience_s=0) as hasty, pytest.raises(Overloaded) as raised:
            hasty.predict(STUDY, PATIENT)
        assert (raised.value.code, raised.value.retry_after_s) == ("overloaded", 1.0)
        letting_go = threading.Timer(0.5, holding.close)
        letting_go.start()
        with Client(address, patience_s=30) as patient_one:
            assert patient_one.predict(STUDY, PATIENT)["study"] == STUDY
        letting_go.join()


def test_a_key_lets_its_holder_in_and_nobody_else(home: Path, tmp_path: Path) -> None:
    (tmp_path / "access.toml").write_text('tenants = ["north"]\nkeys = "keys.json"\n')
    key = issued(KeyFile(tmp_path / "keys.json"), "north", [Role.APPLICATION], genomic=False)
    with ServerProcess(home, RXPLAIN_ACCESS=str(tmp_path / "access.toml")) as server:
        address = f"http://127.0.0.1:{server.port}"
        with Client(address, key) as client:
            answer = client.predict(STUDY, PATIENT)
            assert "features" not in answer["explanation"]
            with pytest.raises(NotPermitted, match="403 not-permitted"):
                client.prediction(answer["id"])
        with Client(address) as nobody, pytest.raises(NotPermitted, match="401 unauthenticated"):
            nobody.models()

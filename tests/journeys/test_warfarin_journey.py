"""The warfarin study's whole way in real processes: study, bundle, registry, server, answer, review page."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pandas
import pytest

from features.readers.document import to_document
from training.datasets import catalog

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class House:
    """A home of its own, the real cohort, and a warfarin study small enough for a test."""

    folder: Path

    @property
    def study(self) -> Path:
        return self.folder / "warfarin.toml"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "RXPLAIN_HOME": str(self.folder / "home"),
            "RXPLAIN_DATA": str(self.data),
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "default",
        }

    def run(self, *arguments: str, code: int = 0) -> str:
        """Standard output of one `rxplain` process that ends with this exit code."""
        command = [sys.executable, "-m", "training.cli", *arguments]
        environment = self.environment()
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout


def small_study(seed: int, error_at_most: float) -> str:
    """The shipped study with few splits and trees, and one gate."""
    text = (resources.files("training") / "studies" / "warfarin.toml").read_text(encoding="utf-8")
    head = text[: text.index("[[gates]]")]
    for key, value in {"splits": 4, "n_trees": 40, "inner_folds": 2, "seed": seed}.items():
        head, n_found = re.subn(rf"^{key} = .*$", f"{key} = {value}", head, flags=re.MULTILINE)
        assert n_found == 1
    figure = "protocols.random_80_20.model.mae.value"
    return (
        f'{head}[[gates]]\nname = "error on random splits"\nfigure = "{figure}"\nat_most = {error_at_most}\n'
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Two versions fitted: the first promoted, the second a challenger that missed its gate."""
    house = House(tmp_path_factory.mktemp("journey"))
    house.run("data", "obtain", "iwpc")
    house.study.write_text(small_study(1, error_at_most=9.5), encoding="utf-8")
    first = json.loads(house.run("fit", str(house.study), "--json"))
    assert (first["version"], first["gates_passed"]) == (1, True)
    house.run("promote", "warfarin", "--reason", "first", "--who", "tester")
    house.study.write_text(small_study(2, error_at_most=1.0), encoding="utf-8")
    second = json.loads(house.run("fit", str(house.study), "--json", code=1))
    assert (second["version"], second["gates_passed"]) == (2, False)
    return house


@contextmanager
def server(house: House) -> Iterator[str]:
    """`rxplain serve` in a process of its own; it must end by itself when told to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "training.cli", "serve", "--port", str(port), "--workers", "1"]
    with (house.folder / "server.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=house.folder, env=house.environment(), stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert process.poll() is None, (house.folder / "server.log").read_text(encoding="utf-8")
            if ready(address):
                break
            time.sleep(0.1)
        yield address
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def ready(address: str) -> bool:
    """Whether the server says that it can answer."""
    try:
        ask(address + "/readyz")
    except OSError:
        return False
    return True


def ask(url: str, document: object = None) -> bytes:
    """The body answered to GET, or to POST when there is a document."""
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"} if body else {})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=30) as answer:
        return answer.read()


def answered(file: Path) -> dict[str, dict[str, str]]:
    """The rows of a CSV of answers, by patient."""
    with file.open(encoding="utf-8", newline="") as rows:
        return {row["patient_id"]: row for row in csv.DictReader(rows)}


def test_challenger_that_missed_a_gate_is_not_promoted_and_its_gate_is_named(house: House) -> None:
    command = [sys.executable, "-m", "training.cli", "promote", "warfarin"]
    done = subprocess.run(command, cwd=house.folder, env=house.environment(), capture_output=True, text=True)
    assert done.returncode == 1
    assert "error on random splits" in done.stderr
    assert json.loads(house.run("show", "warfarin", "--json"))[0]["aliases"] == {
        "champion": 1,
        "challenger": 2,
    }


def test_evaluation_is_one_document_with_both_protocols(house: House) -> None:
    document = json.loads(house.run("evaluate", str(house.study), "--json"))
    assert {"random_80_20", "leave_one_site_out"} == set(document["protocols"])
    for whos in document["protocols"].values():
        assert {"model", "iwpc_pharmacogenetic", "iwpc_clinical", "fixed_35"} <= set(whos)
        mae = whos["model"]["mae"]
        assert 7.0 < mae["lower"] <= mae["value"] <= mae["upper"] < 10.5


def test_same_patient_has_the_same_answer_in_a_file_and_over_http(house: House) -> None:
    out, long_form = house.folder / "doses.csv", house.folder / "contributions.parquet"
    house.run("predict", "warfarin", str(house.data / "iwpc"), "--out", str(out), "--explain", str(long_form))
    rows = answered(out)
    assert list(next(iter(rows.values()))) == [
        "patient_id",
        "drug",
        "value",
        "lower",
        "upper",
        "unit",
        "notices",
        "possible",
    ]
    assert len(rows) == 6256
    cohort = catalog.load("iwpc", house.data)
    contributions = pandas.read_parquet(long_form)
    filed = dict(list(contributions.set_index("feature").groupby("patient_id")["contribution"]))
    with server(house) as address:
        for patient in cohort.patient_ids[::31]:  # 202 patients of every site
            answer = json.loads(
                ask(address + "/v1/predict", {"study": "warfarin", "patient": to_document(cohort, patient)})
            )
            assert answer["declined"] == (rows[patient]["value"] == "")
            if not answer["declined"]:
                assert answer["value"] == float(rows[patient]["value"])
                given = {row["name"]: row["contribution"] for row in answer["explanation"]["features"]}
                assert given == filed[patient].to_dict()
                total = sum(row["contribution"] for row in answer["explanation"]["features"])
                assert answer["explanation"]["base"] + total == pytest.approx(
                    answer["explanation"]["margin"], abs=1e-9
                )
    assert set(contributions["patient_id"]) <= set(rows)


def test_answer_is_recorded_and_its_review_page_shows_it(house: House) -> None:
    cohort = catalog.load("iwpc", house.data)
    document = to_document(cohort, cohort.patient_ids[0])
    with server(house) as address:
        answer = json.loads(ask(address + "/v1/predict", {"study": "warfarin", "patient": document}))
        recorded = json.loads(ask(f"{address}/v1/predictions/{answer['id']}"))
        page = ask(f"{address}/review/{answer['id']}").decode()
    assert answer["basis"]["model_version"] == 1
    assert answer["value"] == recorded.get("answer", recorded)["value"]
    assert "<svg" in page
    assert "<script" not in page
    log = (house.folder / "server.log").read_text(encoding="utf-8")
    assert document["patient_id"] not in log


def test_forced_promotion_and_rollback_reach_a_running_server(house: House) -> None:
    with server(house) as address:
        assert version_served(address) == 1
        house.run("promote", "warfarin", "--despite-gates", "--reason", "to try it", "--who", "tester")
        assert becomes(address, 2)
        house.run("rollback", "warfarin", "--reason", "tried", "--who", "tester")
        assert becomes(address, 1)
    history = json.loads(house.run("show", "warfarin", "--json"))[0]["history"]
    assert [(event["what"], event["version"]) for event in history] == [
        ("promote", 1),
        ("promote", 2),
        ("rollback", 1),
    ]


def version_served(address: str) -> int:
    """Which version the server names for the study."""
    return json.loads(ask(address + "/v1/models/warfarin"))["version"]


def becomes(address: str, version: int) -> bool:
    """Whether the server takes up a version within half a minute."""
    for _ in range(300):
        if version_served(address) == version:
            return True
        time.sleep(0.1)
    return False


def test_doctor_finds_the_champion_sound_and_then_altered(house: House) -> None:
    found = {finding["what"]: finding for finding in json.loads(doctor(house))}
    assert found["champion warfarin"]["state"] == "ok"
    booster = next((house.folder / "home" / "bundles").glob(f"{champion(house)}/boosters.json"))
    whole = booster.read_bytes()
    booster.write_bytes(whole.replace(b"tree", b"tref", 1))
    try:
        found = {finding["what"]: finding for finding in json.loads(doctor(house))}
        assert found["champion warfarin"]["state"] == "fail"
    finally:
        booster.write_bytes(whole)


def doctor(house: House) -> str:
    """What `rxplain doctor` says; its exit code depends on how this project is installed."""
    command = [sys.executable, "-m", "training.cli", "doctor", "--json"]
    return subprocess.run(
        command, cwd=house.folder, env=house.environment(), capture_output=True, text=True
    ).stdout


def champion(house: House) -> str:
    """The digest of the bundle that answers."""
    return json.loads((house.folder / "home" / "aliases" / "warfarin.json").read_bytes())["champion"][
        "digest"
    ]

"""Answers given again from their rows, by the bundle that gave them, to the byte."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from models.shelf import Shelf
from serving.replay import replay
from serving.settings import Settings
from serving.store.store import Store
from tests.serving.client import Client
from tests.serving.server_process import ROOT
from tests.serving.test_repository import _add_bundle
from tests.serving.tiny import PATIENT, STUDY

CHANGE = {"name": "lighter", "clinical": {"weight": {"value": 48, "unit": "kg"}}}


def _ask_all(client: Client) -> None:
    """A question of each sort."""
    asked = {"study": STUDY, "patient": PATIENT}
    client.predict(explain="top")
    client.rank(STUDY, PATIENT)
    client.request("POST", "/v1/simulate", json=asked | {"changes": [CHANGE]})
    assert client.request("POST", "/v1/explain", json=asked | {"levels": ["gene"]}).status_code == 200
    assert client.request("POST", "/v1/explain", json=asked | {"top": 3, "explain": "none"}).is_success
    assert client.request("POST", "/v1/similar", json=asked).status_code == 200
    lines = "\n".join(json.dumps(asked | {"patient": PATIENT | {"patient_id": f"p{i}"}}) for i in range(5))
    client.request(
        "POST", "/v1/batch", content=lines, headers={"content-type": "application/x-ndjson"}
    )  # fmt: skip


@pytest.fixture
def recorded(home: Path) -> Settings:
    """Twenty-two rows by two versions of a study, the second one in service."""
    settings = Settings(home=home)
    with Client(settings) as client:
        _ask_all(client)
    Shelf(home).write_aliases(STUDY, {"champion": (2, _add_bundle(home))})
    with Client(settings) as client:
        _ask_all(client)
    return settings


def _replayed(settings: Settings, **options: int):
    store = Store.open(settings)
    try:
        return replay(settings, store, **options)
    finally:
        store.close()


def test_every_sort_of_answer_comes_again_whatever_is_in_service_now(recorded: Settings) -> None:
    found = _replayed(recorded)
    assert (found.same, found.gone, found.n_differing) == (22, 0, 0)
    assert _replayed(recorded, sample=5, seed=1).same == 5


@pytest.mark.slow
def test_an_answer_that_another_model_would_give_shows(recorded: Settings) -> None:
    store = Store.open(recorded)
    (_, first), *_ = store.predictions.of_study(STUDY)
    digit = json.loads(first.answer)["value"]
    altered = first.answer.replace(repr(digit), repr(digit + 1e-9), 1).replace(first.id, "f" * 32, 1)
    store.predictions.write_all([dataclasses.replace(first, id="f" * 32, answer=altered)], "local")
    store.close()
    environment = os.environ | {"RXPLAIN_HOME": str(recorded.home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "serving", "log", "replay"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout) == {"same": 22, "gone": 0, "differing": ["f" * 32], "n_differing": 1}


def test_rows_whose_bundle_is_gone_are_counted(recorded: Settings) -> None:
    champion = Shelf(recorded.home).champions()[STUDY].digest
    for folder in (recorded.home / "bundles").iterdir():
        if folder.name != champion:
            shutil.rmtree(folder)
    found = _replayed(recorded)
    assert (found.same, found.gone, found.n_differing) == (11, 11, 0)


def test_a_forgotten_patient_is_passed_over(recorded: Settings) -> None:
    store = Store.open(recorded)
    store.erase("local", "p3")
    store.close()
    assert _replayed(recorded).same == 20

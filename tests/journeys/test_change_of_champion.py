"""Champions change under load: promoted, rolled back, promoted again while requests go on, none failing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from features.synthetic import synthetic_cohort
from models.registry import Registry
from tests.serving.server_process import ServerProcess
from tests.serving.tiny import PATIENT
from tests.training.candidates import EXPLAINED, Makers, planned
from tests.training.conftest import TINY
from training.cli import main
from training.study import load_study, read_study

pytestmark = pytest.mark.slow

STUDY, SEEN_WITHIN_S = "warfarin", 30.0


@dataclass
class Asking:
    """What a client that never stops asking was told: status codes, and digests as they changed."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    def ask(self, http: httpx.Client) -> None:
        """One request; anything but an answer is a failure."""
        try:
            told = http.post("/v1/predict", json={"study": STUDY, "patient": PATIENT})
        except httpx.HTTPError as error:
            self.failures.append(repr(error))
            return
        if told.status_code != 200:
            self.failures.append(told.text)
            return
        self.answered += 1
        digest = told.json()["basis"]["bundle_digest"]
        if self.digests[-1:] != [digest]:
            self.digests.append(digest)


@contextmanager
def asking(port: int) -> Iterator[Asking]:
    """Requests one after another, in a thread, for as long as this lasts."""
    told, done = Asking(), threading.Event()

    def go_on() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
            while not done.is_set():
                told.ask(http)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield told
    finally:
        done.set()
        thread.join(timeout=30)


def seen(told: Asking, digest: str) -> float:
    """Seconds until an answer bears this digest."""
    began = time.monotonic()
    while told.digests[-1:] != [digest]:
        assert time.monotonic() - began < SEEN_WITHIN_S, f"still {told.digests}"
        time.sleep(0.05)
    return time.monotonic() - began


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a champion and a challenger whose golden patients moved."""
    text = load_study(STUDY).text
    for shipped, tiny in TINY.items():
        text = text.replace(shipped, tiny)
    patients = synthetic_cohort(300, seed=5, sites=4, missing=0.0)
    makers, home = Makers(planned(read_study(text)), patients), tmp_path / "home"
    monkeypatch.setenv("RXPLAIN_HOME", str(home))
    moved = makers.clean.blend(makers.clean.models.model.blend.calibrated(1.0, 1.0))
    for name, made in (("first", makers.clean), ("second", moved)):
        makers.write(made, tmp_path / name)
    main_quietly("publish", STUDY, str(tmp_path / "first"))
    main_quietly("promote", STUDY, "--reason", "first", "--who", "ada")
    main_quietly("publish", STUDY, str(tmp_path / "second"))
    return home


def main_quietly(*words: str) -> None:
    """A command as it is typed; it must succeed."""
    with pytest.raises(SystemExit) as ended:
        main([*words, "--json"])
    assert ended.value.code in (0, None)


def test_rollback_is_one_command_and_no_request_fails_meanwhile(home: Path) -> None:
    one, two = (version.digest for version in Registry(home).show(STUDY).versions)
    forth = ("promote", STUDY, "--version", "2", "--reason", "try", "--explain-change", EXPLAINED)
    with ServerProcess(home) as server, asking(server.port) as told:
        seen(told, one)
        main_quietly(*forth)
        seen(told, two)
        main_quietly("rollback", STUDY, "--reason", "worse")
        seen(told, one)
        main_quietly(*forth)
        seen(told, two)
    assert told.failures == []
    assert told.answered > 20
    assert told.digests == [one, two, one, two]
    history = Registry(home).show(STUDY).history
    assert [(event.what, event.version) for event in history] == [
        ("promote", 1), ("promote", 2), ("rollback", 1), ("promote", 2),
    ]  # fmt: skip
    assert json.loads((home / "aliases" / f"{STUDY}.json").read_text())["champion"]["version"] == 2

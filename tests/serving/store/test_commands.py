"""`python -m serving log` as whoever runs the service types it, in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving.settings import Settings
from serving.store.commands import main
from serving.store.store import Store
from tests.serving.server_process import ROOT
from tests.serving.store.rows import feedback, model_verdict, outcome, predictions, tamper, verdict


@pytest.fixture
def log(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs a command in this process; its exit code, and the JSON lines that it told."""
    monkeypatch.setenv("RXPLAIN_HOME", str(settings.home))
    if settings.store:
        monkeypatch.setenv("RXPLAIN_STORE", settings.store)

    def run(*arguments: str) -> tuple[int, list[dict]]:
        code = main(arguments)
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def test_verify_tells_the_head_and_finds_what_broke(log, store: Store) -> None:
    store.predictions.write_all(predictions(3), "local")
    code, (told,) = log("verify")
    assert (code, told["holds"], told["rows"]) == (0, True, 3)
    assert log("verify", "--head", told["head"])[0] == 0
    assert log("verify", "--head", "nonsense")[0] == 2
    tamper(store, "DELETE FROM predictions WHERE seq = 3")
    code, (told,) = log("verify")
    assert (code, told["holds"], told["broken"]) == (1, False, 3)


def test_verify_walks_along_the_verdicts_too(log, store: Store) -> None:
    (record,) = predictions(1)
    store.predictions.write_all([record], "local")
    for by in ("anna", "bert"):
        store.verdicts.write(verdict(record.id, by=by), "local")
    code, (told,) = log("verify")
    assert (code, told["verdicts"]["rows"], told["verdicts"]["broken"]) == (0, 2, None)
    assert log("verify", "--verdict-head", told["verdicts"]["head"])[0] == 0
    tamper(store, "DELETE FROM verdicts WHERE seq = 2")
    code, (after,) = log("verify")
    assert (code, after["holds"], after["broken"], after["verdicts"]["broken"]) == (1, False, None, 2)


def test_who_signed_a_study_is_told_only_of_a_chain_that_holds(log, store: Store) -> None:
    store.model_verdicts.write(model_verdict(by="anna", comment="secret"), "north")
    store.model_verdicts.write(model_verdict(by="anna", verdict="unsure", comment="secret"), "north")
    store.model_verdicts.write(model_verdict(by="bert"), "south")
    code, told = log("signed", "--study", "tiny")
    assert code == 0
    assert [(row["tenant"], row["by"], row["version"], row["verdict"]) for row in told] == [
        ("north", "anna", 2, "unsure"), ("south", "bert", 2, "agree"),
    ]  # fmt: skip
    assert "secret" not in str(told)
    assert log("signed", "--study", "other") == (0, [])
    tamper(store, "DELETE FROM verdicts WHERE seq = 2")
    assert log("signed", "--study", "tiny") == (2, [])


def test_a_patients_rows_are_given_out_as_they_were(log, store: Store, tmp_path: Path) -> None:
    records = [*predictions(2, "anna"), *predictions(1, "bert")]
    store.predictions.write_all(records, "local")
    store.outcomes.write(outcome(records[0].id, by="lab"), "local")
    store.feedback.write(feedback(records[1].id, "fine"), "local")
    code, told = log("export", "--patient", "anna")
    assert code == 0
    assert [(row["row"], row["tenant"]) for row in told] == [
        ("prediction", "local"), ("prediction", "local"), ("outcome", "local"), ("feedback", "local"),
    ]  # fmt: skip
    assert [row["request"] for row in told[:2]] == [records[0].request] * 2
    assert (told[2]["value"], told[2]["by"], told[3]["detail"]) == (31.5, "lab", "fine")
    assert log("export", "--patient", "anna", "--tenant", "north") == (0, [])
    file = tmp_path / "anna.jsonl"
    assert log("export", "--patient", "anna", "--to", str(file)) == (0, [{"rows": 4, "to": str(file)}])
    assert [json.loads(line) for line in file.read_text("utf-8").splitlines()] == told
    assert file.stat().st_mode & 0o077 == 0
    assert log("export", "--patient", "anna", "--to", str(file))[0] == 2


def test_a_study_is_given_out_with_what_became_of_its_patients(log, store: Store) -> None:
    records = [*predictions(2, "anna"), *predictions(1, "bert", study="other")]
    store.predictions.write_all(records, "local")
    for value in (30.0, 35.0):
        store.outcomes.write(outcome(records[1].id, value, time=f"2026-01-0{value / 15:.0f}"), "local")
    _, told = log("export", "--study", "tiny")
    assert [row["id"] for row in told] == [one.id for one in records[:2]]
    assert told[0]["outcomes"] == []
    assert told[1]["outcomes"] == [{"name": "weekly_dose", "option": None, "value": 35.0, "unit": "mg/wk"}]


def test_erase_and_retain_tell_what_they_did(log, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.predictions.write_all([*predictions(2, "anna"), *predictions(1, "bert")], "local")
    code, (told,) = log("erase", "--patient", "anna", "--by", "ticket 12")
    assert (code, told["n_predictions"], told["traces"]) == (0, 2, [])
    assert "anna" not in json.dumps(told)
    assert log("retain")[0] == 2
    monkeypatch.setenv("RXPLAIN_RETENTION_DAYS", "30")
    code, (told,) = log("retain")
    assert (code, [one["n_predictions"] for one in told["erasures"]]) == (0, [1])
    assert log("verify")[1][0]["erased"] == 3


def test_rotation_seals_new_rows_with_the_new_key(log, settings: Settings, store: Store) -> None:
    first, second = predictions(2, "anna")
    store.predictions.write_all([first], "local")
    assert log("rotate") == (0, [{"key": "k2"}])
    with_new_key = Store.open(settings)
    with_new_key.predictions.write_all([second], "local")
    assert list(with_new_key.predictions.of_patient("anna", "local")) == [first, second]
    assert with_new_key.verify().broken is None
    with_new_key.close()


def test_a_home_without_rows_is_said_and_left_as_it_was(tmp_path: Path) -> None:
    environment = {**os.environ, "RXPLAIN_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "serving", "log", "verify"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no prediction log" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_id_may_come_by_standard_input(settings: Settings, store: Store) -> None:
    """An id on a command line is seen by everybody on the machine."""
    store.predictions.write_all(predictions(2, "anna"), "local")
    environment = {**os.environ, "RXPLAIN_HOME": str(settings.home), "PYTHONPATH": str(ROOT)}
    environment |= {"RXPLAIN_STORE": settings.store} if settings.store else {}
    command = [sys.executable, "-m", "training.cli", "log", "erase", "--patient", "-"]
    done = subprocess.run(
        command, env=environment, input="anna\n", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["n_predictions"] == 2

"""The command line imports nothing heavy to answer, and what the README and the Makefile say can be typed."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
import typer

import serving.access.commands
import serving.store.commands
from features.readers.document import read_documents
from tests.house.tree import ROOT
from training.cli import app

HEAVY = {
    "numpy", "pandas", "scipy", "sklearn", "lightgbm", "mlflow", "bentoml", "matplotlib", "pyarrow", "shap",
    "numba", "starlette", "uvicorn", "sqlalchemy", "optuna", "fairlearn",
}  # fmt: skip
COMMANDS = {
    "studies", "data", "import", "new", "check", "fit", "evaluate", "publish", "promote", "rollback", "show",
    "predict", "rank", "encode", "score", "monitor", "logged", "retrain", "recalibrate", "biomarkers", "card",
    "report", "tune", "log", "keys", "history", "compare", "shadow", "serve", "demo", "doctor",
}  # fmt: skip
PASSED_ON = {"log": serving.store.commands.parser, "keys": serving.access.commands.parser}
"""Commands that another process answers, with what reads their options."""

README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def _help() -> subprocess.CompletedProcess[str]:
    asked = (
        "import json, sys\nfrom training.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    return subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)


def test_help_imports_nothing_heavy() -> None:
    done = _help()
    loaded = {name.partition(".")[0] for name in json.loads(done.stderr)}
    assert "Usage: rxplain" in done.stdout
    assert loaded & HEAVY == set()


def test_commands_are_those_that_scripts_rely_on() -> None:
    assert set(typer.main.get_command(app).commands) == COMMANDS


@pytest.mark.parametrize(
    "line", sorted(set(re.findall(r"^\s*(rxplain [^#\n]+?)\s*(?:#.*)?$", README, re.MULTILINE)))
)
def test_readme_command_exists(line: str) -> None:
    words = shlex.split(line)[1:]
    command = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands
        command = command.commands[words.pop(0)]
    if command.name in PASSED_ON:
        PASSED_ON[command.name]().parse_args(words)
        return
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize(
    "target", sorted(set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", README, re.MULTILINE)))
)
def test_readme_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:.*## ", MAKEFILE, re.MULTILINE)


def test_readme_request_is_a_patient_that_can_be_read() -> None:
    request = json.loads(re.search(r"-d '\n(\{.*?\})'\n", README, re.DOTALL)[1])
    assert len(read_documents([request["patient"]])) == 1
    assert set(request) == {"study", "level", "explain", "patient"}


def test_make_alone_tells_every_target() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True, env=environment)
    shown = re.findall(r"^  make (\S+)", done.stdout, re.MULTILINE)
    assert {"demo", "test", "serve", "bench", "lint", "lock", "clean"} <= set(shown)

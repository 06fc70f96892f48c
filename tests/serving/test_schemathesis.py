"""Every operation of our OpenAPI document against a real server: what is sent is drawn from the document.

Schemathesis draws valid and invalid requests and holds every response against the document; operations are
taken from there, so that a new route is tried without being named here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serving.access.caller import Role
from serving.access.key_file import KeyFile
from tests.serving.access.test_matrix import issued
from tests.serving.server_process import ROOT, ServerProcess
from tests.serving.tiny import copy_home
from tests.serving.tiny_sets import make_homes

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
FEW, MANY, WALKS = 25, 1000, 40
RULES = 'tenants = ["north"]\nkeys = "keys.json"\n'


@pytest.fixture(scope="module")
def kinds_home(shelf_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a model of each kind."""
    home = copy_home(shelf_home, tmp_path_factory.mktemp("kinds") / "home")
    make_homes(home)
    return home


@pytest.fixture(scope="module")
def server(kinds_home: Path) -> Iterator[ServerProcess]:
    """A server without configured access."""
    with ServerProcess(kinds_home) as running:
        yield running


def _operations(server: ServerProcess) -> dict[str, set[str]]:
    """The operations of each path, but for that of the document, which is read to begin with."""
    paths = server.http.get("/openapi.json").json()["paths"]
    del paths["/openapi.json"]
    return {path: {f"{method.upper()} {path}" for method in found} for path, found in paths.items()}


def _tried(server: ServerProcess, report: Path, n: int, *options: str) -> set[str]:
    """Runs schemathesis, which must find nothing, and gives the operations that it tried."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run",
        f"{server.http.base_url}/openapi.json", "--max-examples", str(n), "--warnings", "off",
        "--report", "junit", "--report-junit-path", str(report), *options,
    ]  # fmt: skip
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.serving.schemathesis_hooks", "NO_COLOR": "1",
    }  # fmt: skip
    done = subprocess.run(command, cwd=report.parent, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return {case.get("name", "") for case in ET.parse(report).iter("testcase")}


def test_every_operation_keeps_its_word_in_a_few_cases(server: ServerProcess, tmp_path: Path) -> None:
    tried = _tried(server, tmp_path / "few.xml", FEW, "--phases", "examples,fuzzing")
    assert tried == set().union(*_operations(server).values())


def test_every_operation_keeps_its_word_in_a_thousand_cases(server: ServerProcess, tmp_path: Path) -> None:
    operations = _operations(server)
    paths = sorted(operations, key=lambda path: (min(operations[path])[:4] == "POST", path))
    halves = [[o for path in paths[i::2] for o in ("--include-path", path)] for i in range(2)]
    whole = "--phases", "examples,coverage,fuzzing"
    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(_tried, server, tmp_path / f"{i}.xml", MANY, *whole, *half)
            for i, half in enumerate(halves)
        ]
        tried = set().union(*(run.result() for run in runs))
    assert tried == set().union(*operations.values())


def test_what_an_answer_leads_to_keeps_its_word(server: ServerProcess, tmp_path: Path) -> None:
    _tried(server, tmp_path / "walks.xml", WALKS, "--phases", "stateful")


def test_with_access_every_operation_refuses_whom_it_says_it_refuses(
    kinds_home: Path, tmp_path: Path
) -> None:
    (tmp_path / "access.toml").write_text(RULES)
    keys = KeyFile(tmp_path / "keys.json")
    everything = issued(keys, "north", list(Role), genomic=True)
    little = issued(keys, "north", [Role.DATA_SCIENTIST], genomic=False)
    home = copy_home(kinds_home, tmp_path / "home")
    with ServerProcess(home, RXPLAIN_ACCESS=str(tmp_path / "access.toml")) as server:
        expected = set().union(*_operations(server).values())
        for name, key in (("everything", everything), ("little", little)):
            proof = "--header", f"Authorization: Bearer {key}"
            assert _tried(server, tmp_path / f"{name}.xml", FEW, "--phases", "fuzzing", *proof) == expected

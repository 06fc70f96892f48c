"""What reads files stays out of a worker: its parsers and htslib run in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from serving.openapi import openapi_document
from tests.serving.files.sent import bundle, vcf
from tests.serving.server_process import ROOT, ServerProcess
from tests.serving.tiny import PATIENT, STUDY

HEAVY = (
    "cyvcf2",
    "fhir",
    "fhir_core",
    "lxml",
    "pint",
    "lark",
    "pandas",
    "pyarrow",
    "sklearn",
    "mlflow",
    "shap",
)


@pytest.mark.slow
def test_a_worker_imports_no_reader_of_files() -> None:
    script = (
        "import json, sys\nfrom serving.worker import lean_imports\nlean_imports()\nimport serving.service\n"
        "print(json.dumps([name for name, module in sys.modules.items() if module is not None]))"
    )
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert not {name.partition(".")[0] for name in loaded} & set(HEAVY)
    assert not [name for name in loaded if name.startswith("features.readers.vcf")]


@pytest.mark.slow
def test_a_real_server_reads_files_beside_its_worker_and_leaves_nothing(home: Path) -> None:
    with ServerProcess(home) as server:
        request = json.dumps(
            {"study": STUDY, "patient": {n: PATIENT[n] for n in PATIENT if n != "genotypes"}}
        )
        plain = server.http.post("/v1/predict", json={"study": STUDY, "patient": PATIENT}).json()
        parts = {"request": (None, request), "vcf": ("a", vcf()), "assume_reference": (None, "true")}
        sent = server.http.post("/v1/predict", files=parts).json()
        headers = {"content-type": "application/fhir+json"}
        posted = server.http.post(f"/v1/predict?study={STUDY}", content=json.dumps(bundle()), headers=headers)
        for answer in (sent, posted.json()):
            assert (answer["value"], answer["interval"]) == (plain["value"], plain["interval"])
        (worker,) = server.workers()
        (reader,) = worker.children()
        assert not [m.path for m in worker.memory_maps() if "cyvcf2" in m.path or "lxml" in m.path]
        assert [m.path for m in reader.memory_maps() if "cyvcf2" in m.path]
        folder = Path(reader.cmdline()[-1])
        assert folder.is_dir()
    assert not folder.exists()
    assert not psutil.pid_exists(reader.pid)


def test_forms_and_bundles_are_described() -> None:
    paths = openapi_document()["paths"]
    bodies = {
        path: set(paths[path]["post"]["requestBody"]["content"]) for path in ("/v1/predict", "/v1/simulate")
    }
    both = {"application/json", "multipart/form-data"}
    assert bodies == {"/v1/predict": both | {"application/fhir+json"}, "/v1/simulate": both}
    form = paths["/v1/rank"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["request"]
    assert {"vcf", "maf", "panel", "bundle", "build", "assume_reference", "index"} < set(form["properties"])
    asked = {one["name"] for one in paths["/v1/rank"]["post"]["parameters"] if one["in"] == "query"}
    assert asked == {"study", "level", "explain", "options"}


_HELD = """
import asyncio, sys, time
from serving.files.reader import FileReader
from serving.settings import Settings

async def main():
    reader = FileReader(Settings())
    async def body():
        return b"{}"
    try:
        await reader.request(b"application/fhir+json", b"study=tiny", body)
    except Exception:
        print(reader._process.pid, reader._folder, flush=True)
    time.sleep(60)

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_killed_worker_leaves_no_reader_behind() -> None:
    command = [sys.executable, "-c", _HELD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as worker:
        assert worker.stdout is not None
        pid, folder = worker.stdout.readline().split()
        reader = psutil.Process(int(pid))
        assert Path(folder).is_dir()
        worker.kill()
        psutil.wait_procs([reader], timeout=10)
    assert not reader.is_running()
    assert not Path(folder).exists()

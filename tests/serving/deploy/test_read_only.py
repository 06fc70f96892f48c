"""Under a read-only root: without a home of the user's own, all is written where the manifests let it be."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.store.keys import made_keys
from tests.serving.server_process import ServerProcess
from tests.serving.tiny import PATIENT, STUDY

pytestmark = pytest.mark.slow


def _files(*folders: Path) -> set[Path]:
    return {file for folder in folders for file in folder.rglob("*") if file.name != "server.log"}


def test_only_store_and_temporary_folder_are_written(home: Path, tmp_path: Path) -> None:
    nobodys, rows, scratch = (tmp_path / name for name in ("nobodys", "rows", "scratch"))
    for folder in (nobodys, rows, scratch):
        folder.mkdir()
    made_keys(tmp_path / "keys.json")
    url = tmp_path / "url"
    url.write_text(f"sqlite:///{rows / 'store.db'}\n")
    before = _files(home)
    given = {
        "HOME": str(nobodys), "XDG_CACHE_HOME": "", "TMPDIR": str(scratch),
        "RXPLAIN_KEYS": str(tmp_path / "keys.json"),
        "RXPLAIN_STORE_FILE": str(url), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    with ServerProcess(home, **given) as server:
        assert server.http.post("/v1/predict", json={"study": STUDY, "patient": PATIENT}).status_code == 200
        assert any(file.suffix == ".db" for file in _files(scratch))
    assert _files(home) == before
    assert _files(nobodys) == set()
    assert (rows / "store.db").stat().st_size > 0
    assert _files(scratch) == set()

"""A PostgreSQL server of the tests' own, in a temporary folder and on a socket; nothing of it stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OWNER = "postgres"  # the server refuses to run as root


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, newest first, or None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").is_file()), None)


@contextmanager
def postgres_server() -> Iterator[str]:
    """A running server; its database's URL for SQLAlchemy."""
    binaries = programs()
    assert binaries is not None
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if os.geteuid() == 0:
        shutil.chown(folder, _OWNER)
    data, log = folder / "data", folder / "log"
    try:
        _run(binaries / "initdb", "-D", data, "-U", "rxplain", "--auth=trust", "--no-sync", "-E", "UTF8")
        how = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        _run(binaries / "pg_ctl", "-D", data, "-l", log, "-w", "-o", how, "start")
        try:
            yield f"postgresql+psycopg://rxplain@/postgres?host={folder}"
        finally:
            _run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


def _run(*command: object) -> None:
    user = _OWNER if os.geteuid() == 0 else None
    words = [str(word) for word in command]
    done = subprocess.run(words, user=user, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

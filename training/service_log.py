"""Rows of the service's sealed log, which only a process of the service can open.

It hands them over a pipe, so that nothing lies in plain on a disk. The service may go on writing meanwhile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from features.errors import DataError


def log_rows(home: Path, *asked: str) -> Iterator[dict]:
    """What `python -m serving log` with these words tells of a home; a DataError says why it does not."""
    command = [sys.executable, "-m", "serving", "log", *asked]
    # what the caller makes of warnings is not for the packages that the service imports
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=said, env={**environment, "RXPLAIN_HOME": str(home)}
        ) as service,
    ):
        assert service.stdout is not None
        yield from map(json.loads, service.stdout)
        if service.wait() != 0:
            said.seek(0)
            lines = said.read().decode(errors="replace").split("\n")
            raise DataError(
                next((line for line in reversed(lines) if line.strip()), "the log cannot be read")
            )

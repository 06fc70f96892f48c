"""`python -m serving.files.reader_process FOLDER`: reads files for one worker, request by request.

What others send goes through htslib and parsers here and not in the worker: this process may crash, hang or
run out of memory, and nobody else's answer is touched. It has no network, no models and no record.
"""

from __future__ import annotations

import json
import os
import resource
import struct
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from features.errors import Fault
from serving.errors import RequestError, problem_from
from serving.files.posted import posted_of
from serving.files.reading import whole_request

ASKED = struct.Struct(">III")
"""Before a request: the lengths of its media type, its query and its body."""
TOLD = struct.Struct(">?I")
"""Before an answer: whether it is a request, and its length; else a problem follows."""

_MOST_MEMORY = 2 * 1024**3
_MOST_CPU_S = 120


def main(folder: Path) -> None:
    """Answer until the worker closes the pipe."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    told = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while head := sys.stdin.buffer.read(ASKED.size):
        _bound_time()
        media, query, body = (_exactly(sys.stdin.buffer, length) for length in ASKED.unpack(head))
        is_whole, text = _answer(folder, media, query, body)
        told.write(TOLD.pack(is_whole, len(text)) + text)
        told.flush()
    folder.rmdir()


def _bound_time() -> None:
    """End this process by itself after so much work on one request, should nobody be left to end it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + _MOST_CPU_S
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _answer(folder: Path, media: bytes, query: bytes, body: bytes) -> tuple[bool, bytes]:
    try:
        posted = posted_of(media, query, body)
        with tempfile.TemporaryDirectory(dir=folder) as own:
            return True, whole_request(posted, Path(own), datetime.now(UTC).date())
    except (MemoryError, RecursionError):
        fault = Fault("", "the files need more memory than one request may have", "send smaller files")
        error: Exception = RequestError("invalid-request", "1 fault in the files", [fault])
    except Exception as unexpected:
        error = unexpected
    problem = problem_from(error)
    faults = [(fault.where, fault.what, fault.remedy) for fault in problem.faults]
    return False, json.dumps([problem.kind, problem.detail, faults]).encode()


def _exactly(stream: BinaryIO, length: int) -> bytes:
    found = stream.read(length)
    if len(found) < length:
        sys.exit(0)
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))

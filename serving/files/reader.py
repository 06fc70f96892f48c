"""A worker's reader of files: a process that starts with the first file and is replaced when it fails."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import struct
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable
from pathlib import Path

from features.errors import Fault
from serving.errors import RequestError
from serving.settings import Settings

_log = logging.getLogger("rxplain.files")
_ASKED, _TOLD = struct.Struct(">III"), struct.Struct(">?I")
MOST_HELD = 8
"""Bodies with files that a worker holds in memory at a time."""

_MEMORY_DISK = Path("/dev/shm")
_ROOT = Path(__file__).parents[2]


class FileReader:
    """Turns posted files into the JSON request that says the same; one at a time, each within a deadline."""

    def __init__(self, settings: Settings) -> None:
        self._deadline_s = settings.file_deadline_s
        self._one_at_a_time = asyncio.Lock()
        self._held = 0
        self._process: Process | None = None
        self._folder: Path | None = None

    async def request(self, media: bytes, query: bytes, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """The JSON request; raises the problem that tells what is wrong with the files.

        `read` gives the body; it is called only if not too many bodies are held already.
        """
        if self._held >= MOST_HELD:
            raise RequestError("overloaded", "Other files are being read.", retry_after_s=5)
        self._held += 1
        try:
            return await self._in_turn(media, query, await read())
        finally:
            self._held -= 1

    async def _in_turn(self, media: bytes, query: bytes, body: bytes) -> bytes:
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._one_at_a_time.acquire()
        except TimeoutError:
            raise RequestError("overloaded", "Other files are being read.", retry_after_s=5) from None
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._asked(media, query, body)
        except TimeoutError:
            await self.close()
            what = f"the files cannot be read within {self._deadline_s:g} seconds"
            raise _unread(what, "send only the records that are wanted here") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            _log.error("the reader of files ended and is started anew")
            await self.close()
            raise _unread("the files cannot be read", "check that they are whole and what they say") from None
        except asyncio.CancelledError:
            await self.close()
            raise
        finally:
            self._one_at_a_time.release()

    async def close(self) -> None:
        """End the process, and leave nothing of what it was reading."""
        if self._process is not None:
            process, self._process = self._process, None
            if process.returncode is None:
                process.kill()
            await process.communicate()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    async def _asked(self, media: bytes, query: bytes, body: bytes) -> bytes:
        process = self._process
        if process is None or process.returncode is not None:
            await self.close()
            process = await self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(_ASKED.pack(len(media), len(query), len(body)) + media + query)
        process.stdin.write(body)
        await process.stdin.drain()
        is_whole, length = _TOLD.unpack(await process.stdout.readexactly(_TOLD.size))
        text = await process.stdout.readexactly(length)
        if is_whole:
            return text
        kind, detail, faults = json.loads(text)
        raise RequestError(kind, detail, [Fault(*fault) for fault in faults])

    async def _started(self) -> Process:
        """A new process; what it reads lies in memory where there is such a file system."""
        place = _MEMORY_DISK if os.access(_MEMORY_DISK, os.W_OK) else None
        self._folder = Path(tempfile.mkdtemp(prefix="rxplain-files-", dir=place))
        command = [sys.executable, "-m", "serving.files.reader_process", str(self._folder)]
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd=_ROOT
        )
        return self._process


def _unread(what: str, remedy: str) -> RequestError:
    return RequestError("invalid-request", "1 fault in the files", [Fault("", what, remedy)])

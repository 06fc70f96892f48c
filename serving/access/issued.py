"""The API keys as a worker knows them: looked at again every second, so that a revoked one soon ends."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

from features.errors import SettingsError
from serving.access.caller import Caller
from serving.access.key_file import KeyFile
from serving.access.keys import ApiKey, Issued
from serving.errors import RequestError

LOOK_S = 1.0
"""How long a change of the file may go unseen."""

_log = logging.getLogger("rxplain.access")
_Seen = tuple[int, int, int]


class IssuedKeys:
    """Who asks with which key; without a file nobody does."""

    def __init__(self, path: Path | None) -> None:
        self._file = None if path is None else KeyFile(path)
        self._issued: Issued | None = None
        self._seen: _Seen | None = None
        self._next_look = 0.0

    def caller(self, credential: bytes) -> Caller:
        """Whose key this is; raises the 401 problem, or the 503 one where the file cannot be read."""
        issued = self._known()
        key = None if issued is None else issued.find(credential)
        if key is None:
            raise RequestError("invalid-credentials", "This is no key of this service.")
        return _caller(key)

    def caller_of(self, key_id: str) -> Caller:
        """Whose key has this id, which was proved before; raises the same."""
        issued = self._known()
        key = None if issued is None else issued.keys.get(key_id)
        if key is None:
            raise RequestError("invalid-credentials", "The key of this session is gone; sign in again.")
        return _caller(key)

    def _known(self) -> Issued | None:
        """The keys, looked at again where it is time."""
        if self._file is not None and time.monotonic() >= self._next_look:
            self._look(self._file)
        return self._issued

    def _look(self, file: KeyFile) -> None:
        """Read the file again where it changed; one that cannot be read proves nobody."""
        seen = _seen(file.path)
        if seen is None or seen != self._seen:
            try:
                self._issued = file.read()
            except SettingsError as error:
                self._issued, self._seen = None, None
                _log.error("the file of API keys cannot be read", exc_info=error)
                detail = "Try again; if it persists, the file of keys needs care."
                raise RequestError("access-unavailable", detail, retry_after_s=5) from error
            self._seen = seen
        self._next_look = time.monotonic() + LOOK_S


def _caller(key: ApiKey) -> Caller:
    if key.status != "valid":
        raise RequestError("invalid-credentials", f"This key is {key.status}.")
    return key.caller


def _seen(path: Path) -> _Seen | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size

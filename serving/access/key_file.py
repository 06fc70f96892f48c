"""The file of the API keys: read whole, written whole, the owner's alone."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from features.errors import SettingsError
from serving.access.keys import Issued

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Keys on disk; a file that is not there yet holds none."""

    path: Path

    def read(self) -> Issued | None:
        """The keys as they stand, or None where there is no file; raises a SettingsError."""
        try:
            return Issued.parse(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SettingsError(f"the file of API keys cannot be read ({error.strerror})") from error

    def change(self, change: Callable[[Issued], tuple[Issued, _Result]]) -> _Result:
        """Write what `change` makes of the keys, while nobody else writes; gives its other result."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._alone():
                after, result = change(self.read() or Issued.fresh())
                self._write(after.to_text())
        except OSError as error:
            raise SettingsError(f"the file of API keys cannot be written ({error.strerror})") from error
        return result

    @contextmanager
    def _alone(self) -> Iterator[None]:
        lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, text: bytes) -> None:
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

"""Which bundle answers for each study, as plain files under the home; all that serving needs to know."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from features.errors import RegistryError
from models.history import Event

CHAMPION = "champion"
CHALLENGER = "challenger"


@dataclass(frozen=True, slots=True)
class ShelfEntry:
    """A published version, the digest its bundle must have, and the folder it stands in."""

    version: int
    digest: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Shelf:
    """The bundles of a home and the aliases that point to them; nothing is cached, each call reads."""

    home: Path

    def champions(self) -> dict[str, ShelfEntry]:
        """The version that answers for each study; a study without a champion is not among them."""
        entries = {study: self.entry(study, CHAMPION) for study in self.studies()}
        return {study: entry for study, entry in entries.items() if entry is not None}

    def studies(self) -> tuple[str, ...]:
        """Studies with an alias file, by name."""
        return tuple(sorted(path.stem for path in self._aliases.glob("*.json")))

    def entry(self, study: str, alias: str) -> ShelfEntry | None:
        """Where a study's alias points, or None where it points nowhere."""
        found = self.read(study).get(alias)
        if found is None:
            return None
        version, digest = found.get("version"), str(found.get("digest"))
        if not isinstance(version, int) or not re.fullmatch("[0-9a-f]{64}", digest):
            raise RegistryError(f"aliases of '{study}': '{alias}' is not a version and a digest; {_REMEDY}")
        return ShelfEntry(version, digest, self.folder(digest))

    def read(self, study: str) -> dict[str, dict[str, object]]:
        """The alias file of a study as it stands; empty when there is none."""
        try:
            data = json.loads(self._path(study).read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise RegistryError(f"aliases of '{study}' are not JSON; {_REMEDY}") from error
        if not isinstance(data, dict) or not all(isinstance(found, dict) for found in data.values()):
            raise RegistryError(f"aliases of '{study}' are not a table of versions; {_REMEDY}")
        return data

    def folder(self, digest: str) -> Path:
        """Where the bundle of that digest stands, or would stand."""
        return self.home / "bundles" / digest

    def write_aliases(self, study: str, aliases: Mapping[str, tuple[int, str]]) -> None:
        """Point a study's aliases to (version, digest), all in one step; readers see old or new."""
        data = {alias: {"version": v, "digest": d} for alias, (v, d) in sorted(aliases.items())}
        _replace(self._path(study), data)

    def history(self, study: str) -> tuple[Event, ...]:
        """How a study's champions came to be, oldest first; empty where nothing was written."""
        check_name(study)
        try:
            data = json.loads(self._history(study).read_bytes())
        except FileNotFoundError:
            return ()
        except ValueError as error:
            raise RegistryError(f"the history of '{study}' is not JSON; {_REMEDY}") from error
        if not isinstance(data, list) or not all(isinstance(told, dict) for told in data):
            raise RegistryError(f"the history of '{study}' is no list of events; {_REMEDY}")
        return tuple(map(Event.read, data))

    def write_history(self, study: str, events: Sequence[Event]) -> None:
        """Tell the service how a study's champions came to be."""
        check_name(study)
        _replace(self._history(study), [asdict(event) for event in events])

    def _history(self, study: str) -> Path:
        return self.home / "history" / f"{study}.json"

    @property
    def _aliases(self) -> Path:
        return self.home / "aliases"

    def _path(self, study: str) -> Path:
        check_name(study)
        return self._aliases / f"{study}.json"


def _replace(path: Path, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".", delete=False) as file:
        json.dump(data, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)


def check_name(study: str) -> None:
    """Refuse a study's name that could not be a file's name everywhere."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", study):
        raise RegistryError("a study's name is made of small letters, digits, '_' and '-'")


_REMEDY = "write them again with rxplain promote"

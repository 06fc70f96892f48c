"""The registry: which versions of a study exist, which one answers, and how it came to; MLflow's one door.

MLflow keeps versions, aliases and their history in SQLite; the bundles themselves are kept by digest
under the artifact root. What serving may read is written beside it as plain files (see `shelf`).
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.telemetry import set_telemetry_client

from features.errors import RegistryError
from models import bundle
from models.history import Event
from models.shelf import CHALLENGER, CHAMPION, Shelf, check_name


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """A published version: its bundle's digest, the MLflow run it came from, and when it was published."""

    version: int
    digest: str
    run_id: str | None
    published: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a promotion was held against, by the clauses' names; see `Event`."""

    judged: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    explained: str = ""


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """All that is registered of one study; versions and history oldest first."""

    study: str
    versions: tuple[VersionRecord, ...]
    aliases: dict[str, int]
    history: tuple[Event, ...]


@dataclass(frozen=True)
class Registry:
    """The registry under a home directory, made by the first publishing; looking never makes it."""

    home: Path

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow on this home's SQLite."""
        return open_client(self.home)

    @property
    def shelf(self) -> Shelf:
        """What serving reads."""
        return Shelf(self.home)

    def publish(self, study: str, bundle_dir: Path, run_id: str | None = None) -> int:
        """Register a bundle as the study's challenger and return its version.

        Publishing a bundle that is registered already gives the version it has.
        """
        check_name(study)
        loaded = bundle.load(bundle_dir)
        if loaded.manifest.provenance.study != study:
            raise RegistryError(f"the bundle is of study '{loaded.manifest.provenance.study}', not '{study}'")
        digest = loaded.digest
        kept = self._artifact(study, digest)
        bundle.copy(bundle_dir, kept, digest)
        self._ensure_model(study)
        known = {record.digest: record.version for record in self._versions(study)}
        version = known.get(digest)
        if version is None:
            made = self.client.create_model_version(
                study, kept.resolve().as_uri(), run_id, tags={"digest": digest, "published": _now()}
            )
            version = int(made.version)
        self.client.set_registered_model_alias(study, CHALLENGER, str(version))
        self.materialise(study, CHALLENGER)
        return version

    def promote(
        self, study: str, version: int | None = None, *, reason: str, who: str, verdict: Verdict | None = None
    ) -> int:
        """Make a version (the challenger, if none is named) the champion and return it.

        Its bundle must prove itself first. Promoting the champion changes nothing. What else it was held
        against is kept in the history.
        """
        record = self.show(study)
        chosen = record.aliases.get(CHALLENGER) if version is None else version
        if chosen is None:
            raise RegistryError(f"'{study}' has no challenger to promote; publish one with rxplain fit")
        return self._crown(record, chosen, "promote", who, reason, verdict or Verdict())

    def rollback(self, study: str, *, reason: str, who: str) -> int:
        """Give the place back to the champion before, and return its version."""
        record = self.show(study)
        reigns = _reigns(record.history)
        if len(reigns) < 2:
            raise RegistryError(f"'{study}' has no earlier champion to go back to")
        return self._crown(record, reigns[-2], "rollback", who, reason, Verdict())

    def show(self, study: str) -> StudyRecord:
        """Versions, aliases and the history of champions; a change that was cut short is no history."""
        model = self._model(study)
        aliases = {alias: int(version) for alias, version in model.aliases.items()}
        events = sorted((k, v) for k, v in model.tags.items() if k.startswith(_EVENT))
        history = tuple(Event.read(json.loads(value)) for _, value in events)
        if history and history[-1].version != aliases.get(CHAMPION):
            history = history[:-1]
        return StudyRecord(study, self._versions(study), aliases, history)

    def studies(self) -> tuple[str, ...]:
        """The names of all registered studies."""
        if not self._is_made:
            return ()
        return tuple(sorted(model.name for model in self.client.search_registered_models(max_results=1000)))

    def fetch(self, study: str, digest: str) -> bundle.LoadedBundle:
        """The bundle that was published under this digest, from where it is kept; the shelf is not asked."""
        return bundle.load(self._artifact(study, digest), digest)

    def materialise(self, study: str, alias: str) -> tuple[Path, str]:
        """Put an alias's bundle on the shelf, proved by the registered digest; its folder and digest.

        The study's alias file is written after the bundle stands, so that a reader finds both or neither.
        """
        record = self.show(study)
        if alias not in record.aliases:
            raise RegistryError(f"'{study}' has no {alias}; publish a bundle and promote it first")
        digests = {v.version: v.digest for v in record.versions}
        digest = digests[record.aliases[alias]]
        folder = self.shelf.folder(digest)
        bundle.copy(self._artifact(study, digest), folder, digest)
        pointed = {name: (version, digests[version]) for name, version in record.aliases.items()}
        standing = {name: entry for name, entry in pointed.items() if self.shelf.folder(entry[1]).is_dir()}
        self.shelf.write_history(study, record.history)
        self.shelf.write_aliases(study, standing)
        return folder, digest

    def _crown(
        self, record: StudyRecord, version: int, what: str, who: str, reason: str, verdict: Verdict
    ) -> int:
        digests = {v.version: v.digest for v in record.versions}
        if version not in digests:
            raise RegistryError(f"'{record.study}' has no version {version}; rxplain show lists them")
        before = record.aliases.get(CHAMPION)
        self.fetch(record.study, digests[version])
        if version != before:
            event = Event(what, version, before, who, reason, _now(), **asdict(verdict))
            key = f"{_EVENT}{len(record.history) + 1:06d}"
            self.client.set_registered_model_tag(record.study, key, json.dumps(asdict(event)))
            self.client.set_registered_model_alias(record.study, CHAMPION, str(version))
        self.materialise(record.study, CHAMPION)
        return version

    def _artifact(self, study: str, digest: str) -> Path:
        check_name(study)
        return artifact_root(self.home) / "bundles" / study / digest

    @property
    def _is_made(self) -> bool:
        """Whether there is a store to look into; looking must not make one."""
        return _URL in os.environ or _database(self.home).is_file()

    def _model(self, study: str) -> RegisteredModel:
        unknown = RegistryError(f"'{study}' is not registered; run rxplain fit {study}")
        if not self._is_made:
            raise unknown
        try:
            return self.client.get_registered_model(study)
        except MlflowException as error:
            raise unknown from error

    def _ensure_model(self, study: str) -> None:
        try:
            self.client.get_registered_model(study)
        except MlflowException:
            self.client.create_registered_model(study)

    def _versions(self, study: str) -> tuple[VersionRecord, ...]:
        found = self.client.search_model_versions(f"name = '{study}'", max_results=10_000)
        records = (
            VersionRecord(int(v.version), v.tags["digest"], v.run_id or None, v.tags["published"])
            for v in found
        )
        return tuple(sorted(records, key=lambda record: record.version))


def open_client(home: Path) -> MlflowClient:
    """MLflow's client on `tracking_uri`, whose tables are made if need be; its telemetry is off."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    set_telemetry_client()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    artifact_root(home).mkdir(parents=True, exist_ok=True)
    uri = tracking_uri(home)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The ``noload`` loader strategy is deprecated")
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def tracking_uri(home: Path) -> str:
    """Where MLflow keeps runs and versions: at `RXPLAIN_MLFLOW`, the URL of a database or server, else here.

    Here is a SQLite file of the home; wherever versions are kept, their bundles stand under the home.
    """
    return os.environ.get(_URL) or f"sqlite:///{_database(home.resolve()).as_posix()}"


def artifact_root(home: Path) -> Path:
    """Where MLflow's artifacts of a home stand."""
    return home / "artifacts"


_EVENT, _URL = "event.", "RXPLAIN_MLFLOW"


def _database(home: Path) -> Path:
    return home / "mlflow.db"


def _reigns(history: tuple[Event, ...]) -> list[int]:
    """Champions that can be gone back to, the present one last."""
    stack: list[int] = []
    for event in history:
        if event.what == "rollback":
            stack.pop()
        else:
            stack.append(event.version)
    return stack


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

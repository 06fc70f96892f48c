"""What the routes work with, one for each worker process: models, writers and the store."""

from __future__ import annotations

from dataclasses import dataclass

from models.response import ResponseModel
from serving.access.access import Access
from serving.answer import AnswerWriter
from serving.change_writer import ChangeWriter
from serving.errors import RequestError
from serving.files.reader import FileReader
from serving.levels import LevelWriter
from serving.metrics import Metrics
from serving.ranking import RankWriter
from serving.repository import Repository, Served
from serving.settings import Settings
from serving.similar import SimilarWriter
from serving.store.records import AccessRecord, PredictionRecord
from serving.store.store import Store


@dataclass(frozen=True)
class Writers:
    """What turns one bundle's answers into JSON, and its models by drug."""

    served: Served
    answers: AnswerWriter
    rankings: RankWriter
    changes: ChangeWriter
    similar: SimilarWriter
    levels: LevelWriter
    models: dict[str, ResponseModel]

    @classmethod
    def of(cls, served: Served) -> Writers:
        """The writers of a bundle that was taken into service."""
        answers = AnswerWriter(served)
        models = {model.outcome.drug: model for model in served.bundle.models.models}
        changes = ChangeWriter(served.bundle.models, answers)
        near, levels = SimilarWriter(served.bundle), LevelWriter(served.bundle.models.spec)
        return cls(served, answers, RankWriter(served, answers), changes, near, levels, models)


class Backend:
    """Answers from `open` until `close`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics(settings.metrics_folder)
        self.access = Access.of(
            settings.access, lambda: self.store.keys, self._seen, self.metrics.keys_fetched
        )
        self.files = FileReader(settings)
        self.repository = Repository(settings.home, self.metrics)
        self._store: Store | None = None
        self._writers: dict[str, Writers] = {}

    def open(self) -> None:
        """Open the store and take every champion into service."""
        self._store = Store.open(self.settings)
        self.repository.load_all()

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()
            self._store = None

    async def _seen(self, issuer: str, jti: str, expires: float) -> bool:
        return await self.store.seen_jti(issuer, jti, expires)

    @property
    def store(self) -> Store:
        """Every row that is kept; the 503 problem before `open`."""
        if self._store is None:
            raise RequestError("not-ready", "The service is starting.", retry_after_s=1)
        return self._store

    def served(self, study: str) -> Served:
        """The model in service for a study; raises the 404 problem when there is none."""
        found = self.repository.current.get(study)
        if found is None:
            raise RequestError("unknown-study", "See GET /v1/models for the studies that are served.")
        return found

    def versions(self, study: str) -> tuple[Served, ...]:
        """The versions that can be looked at and signed: the one in service, then the one that waits.

        Raises the 404 problem when the study has neither. Reads a bundle; not for the event loop.
        """
        found = self.repository.current.get(study), self.repository.challenger(study)
        versions = tuple(one for one in found if one is not None)
        if not versions:
            raise RequestError("unknown-study", "See GET /v1/models for the studies that are served.")
        return versions

    def writers(self, study: str) -> Writers:
        """The writers of the model in service for a study, made once for it."""
        served, known = self.served(study), self._writers.get(study)
        if known is None or known.served is not served:
            known = self._writers[study] = Writers.of(served)
        return known

    async def note(self, access: AccessRecord) -> None:
        """Return once it is on disk who asked for what; raises the 503 problem when it cannot be."""
        await self.store.audit.note(access)

    def record(self, prediction_id: str, tenant: str) -> PredictionRecord:
        """A tenant's recorded answer; raises the 404 problem when there is none, or it was erased."""
        found = self.store.predictions.find(prediction_id, tenant)
        if found is None or found.is_erased:
            raise RequestError("unknown-prediction", "Use the id of an answer given by this service.")
        return found

"""The models in service: loaded once, proved on loading, swapped whole when an alias changes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from features.errors import RxplainError
from features.knowledge.evidence import GeneDrugPair, cpic_pairs
from models.bundle import LoadedBundle, load
from models.history import Event
from models.outcome import BinaryOutcome
from models.shelf import CHALLENGER, Shelf, ShelfEntry
from serving.metrics import Metrics

_log = logging.getLogger("rxplain.repository")
_REMEMBERED = 8


@dataclass(frozen=True)
class Served:
    """One study's model in service."""

    study: str
    version: int
    bundle: LoadedBundle

    @cached_property
    def basis(self) -> Mapping[str, object]:
        """What every answer of this model rests on: its version, digest, population and performance."""
        provenance = self.bundle.manifest.provenance
        return {
            "model_version": self.version,
            "bundle_digest": self.bundle.digest,
            "population": {"n": provenance.n_patients, "fingerprint": provenance.cohort_fingerprint},
            "trained_on": provenance.trained_on,
            "performance": _own_figures(self.bundle.card.get("performance")),
            "evidence": [
                {"gene": p.gene, "drug": p.drug, "level": p.level, "guideline": p.guideline or None}
                for p in self.evidence
            ],
        }

    @cached_property
    def evidence(self) -> tuple[GeneDrugPair, ...]:
        """What CPIC lists of the genes that are read and the drugs that are answered about."""
        models = self.bundle.models
        genes = dict.fromkeys(feature.gene for feature in models.models[0].features if feature.gene)
        return tuple(pair for gene in genes for pair in cpic_pairs(gene) if pair.drug in models.drugs)

    @cached_property
    def summary(self) -> Mapping[str, object]:
        """The model in a line of a list."""
        models, manifest = self.bundle.models, self.bundle.manifest
        outcome, question = manifest.outcome, models.question
        return {
            "study": self.study,
            "drug": outcome.drug if len(models.drugs) == 1 else None,
            "outcome": outcome.name,
            "kind": outcome.kind,
            "event": outcome.event if isinstance(outcome, BinaryOutcome) else None,
            "unit": outcome.unit,
            "better": outcome.better,
            "question": question and question.variable,
            "options": list(models.options),
            "version": self.version,
            "digest": self.bundle.digest,
            "created": manifest.provenance.created,
            "n_features": len(models.spec.names),
            "basis": self.basis,
        }


def _own_figures(performance: object) -> dict[str, object]:
    """The model's own figures by protocol, without its comparators'."""
    protocols = performance.items() if isinstance(performance, Mapping) else ()
    return {name: who["model"] for name, who in protocols if isinstance(who, Mapping) and "model" in who}


class Repository:
    """Holds what is served as one immutable mapping: read `current` once a request, and no swap shows."""

    def __init__(self, home: Path, metrics: Metrics) -> None:
        self.current: Mapping[str, Served] = MappingProxyType({})
        self._shelf = Shelf(home)
        self._home = home
        self._metrics = metrics
        self._seen: object = None
        self._earlier: OrderedDict[str, LoadedBundle] = OrderedDict()

    def load_all(self) -> None:
        """Take every champion into service; raises the first error, naming what to do."""
        self._seen = self._alias_state()
        entries = self._shelf.champions()
        self.current = MappingProxyType({study: self._load(study, entry) for study, entry in entries.items()})

    def refresh(self) -> None:
        """Take changed champions into service; one that cannot be loaded leaves the old one serving."""
        state = self._alias_state()
        if state == self._seen:
            return
        try:
            entries = self._shelf.champions()
        except RxplainError as error:
            _log.error("aliases cannot be read; the models in service stay", exc_info=error)
            return
        self._seen = state
        kept = {study: self._kept_or_loaded(study, entry) for study, entry in entries.items()}
        self.current = MappingProxyType({study: served for study, served in kept.items() if served})

    async def watch(self, every_s: float) -> None:
        """Refresh for ever, in a thread, so that requests go on while a model loads."""
        while True:
            await asyncio.sleep(every_s)
            if self._alias_state() != self._seen:
                await asyncio.to_thread(self.refresh)

    def waiting(self, study: str) -> ShelfEntry | None:
        """The shelf's entry of a version that was published and does not answer; None where there is none."""
        champion = self.current.get(study)
        try:
            entry = self._shelf.entry(study, CHALLENGER) if study in self._shelf.studies() else None
        except RxplainError as error:
            _log.error("aliases cannot be read; no challenger is shown", exc_info=error)
            return None
        is_served = entry is not None and champion is not None and champion.bundle.digest == entry.digest
        return None if is_served else entry

    def history(self, study: str) -> tuple[Event, ...]:
        """How the study's champions came to be, oldest first; none where it cannot be read."""
        try:
            return self._shelf.history(study)
        except RxplainError as error:
            _log.error("the history of champions cannot be read", extra={"study": study}, exc_info=error)
            return ()

    def challenger(self, study: str) -> Served | None:
        """The version that waits, to be looked at: it answers nobody. None where its bundle is refused."""
        entry = self.waiting(study)
        bundle = None if entry is None else self.bundle(entry.digest)
        return None if entry is None or bundle is None else Served(study, entry.version, bundle)

    def challengers(self) -> Mapping[str, int]:
        """The version that waits for each study where one does; bundles are not read."""
        found = {study: self.waiting(study) for study in self._shelf.studies()}
        return {study: entry.version for study, entry in found.items() if entry is not None}

    def bundle(self, digest: str) -> LoadedBundle | None:
        """The bundle that gave an earlier answer, or that waits, if it is still on the shelf."""
        for served in self.current.values():
            if served.bundle.digest == digest:
                return served.bundle
        known = self._earlier.get(digest)
        if known is None:
            try:
                known = self._earlier[digest] = load(self._shelf.folder(digest), digest)
            except (RxplainError, OSError):
                return None
            while len(self._earlier) > _REMEMBERED:
                self._earlier.popitem(last=False)
        return known

    def _kept_or_loaded(self, study: str, entry: ShelfEntry) -> Served | None:
        old = self.current.get(study)
        if old and old.bundle.digest == entry.digest:
            self._metrics.model_in_service(study, entry.version)
            return Served(study, entry.version, old.bundle)
        try:
            return self._load(study, entry)
        except (RxplainError, OSError) as error:
            self._metrics.model_load(study, "refused")
            _log.error("a new bundle is refused; the old one stays", extra={"study": study}, exc_info=error)
            return old

    def _load(self, study: str, entry: ShelfEntry) -> Served:
        began = time.perf_counter()
        served = Served(study, entry.version, load(entry.folder, entry.digest))
        self._metrics.model_load(study, "served")
        self._metrics.model_in_service(study, entry.version, time.perf_counter() - began)
        details = {"study": study, "version": entry.version, "digest": entry.digest}
        _log.info("bundle in service", extra=details)
        return served

    def _alias_state(self) -> object:
        folder = self._home / "aliases"
        try:
            files = [(p.name, p.stat()) for p in sorted(folder.glob("*.json"))]
        except OSError:
            return None
        return [(name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in files]

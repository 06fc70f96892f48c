"""Two versions of a study side by side: figures, features, settings, and answers to golden patients."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from features.errors import RegistryError
from models.bundle import LoadedBundle
from models.registry import Registry
from training.golden import GoldenAnswer, golden_answers


@dataclass(frozen=True)
class Differing:
    """Something that two versions say differently; None where one does not say it."""

    name: str
    a: object
    b: object


@dataclass(frozen=True)
class SideBySide:
    """Version `a` beside version `b`.

    `figures` are the model's under every protocol, equal or not; `settings` only what differs between their
    studies (but the card's words) and how they came to be. Golden patients are those of `a`.
    """

    study: str
    a: int
    b: int
    figures: tuple[Differing, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    n_features: tuple[int, int]
    settings: tuple[Differing, ...]
    golden: tuple[GoldenAnswer, ...]


def side_by_side(home: Path, study: str, a: int, b: int) -> SideBySide:
    """The comparison, from the published bundles; refuses a version that is not registered."""
    registry = Registry(home)
    digests = {version.version: version.digest for version in registry.show(study).versions}
    unknown = [version for version in (a, b) if version not in digests]
    if unknown:
        raise RegistryError(f"'{study}' has no version {unknown[0]}; rxplain show {study} lists them")
    first, second = (registry.fetch(study, digests[version]) for version in (a, b))
    return compared(study, (a, first), (b, second))


def compared(study: str, a: tuple[int, LoadedBundle], b: tuple[int, LoadedBundle]) -> SideBySide:
    """The comparison of two bundles with their versions' numbers."""
    first, second = a[1], b[1]
    names = [own.models.spec.names for own in (first, second)]
    settings = _pairs(_settings(first), _settings(second))
    return SideBySide(
        study,
        a[0],
        b[0],
        tuple(_pairs(_figures(first), _figures(second))),
        tuple(name for name in names[0] if name not in names[1]),
        tuple(name for name in names[1] if name not in names[0]),
        (len(names[0]), len(names[1])),
        tuple(own for own in settings if own.a != own.b),
        golden_answers(first, second),
    )


def _pairs(a: Mapping[str, object], b: Mapping[str, object]) -> list[Differing]:
    return [Differing(name, a.get(name), b.get(name)) for name in dict.fromkeys((*a, *b))]


def _figures(loaded: LoadedBundle) -> dict[str, object]:
    """The model's figures, by protocol and metric, and how well its members can be guessed."""
    metrics = loaded.manifest.provenance.metrics
    found: dict[str, object] = {}
    protocols, betrayed = metrics.get("protocols"), metrics.get("membership")
    for protocol, whos in protocols.items() if isinstance(protocols, Mapping) else ():
        model = whos.get("model", {})
        found |= {f"{protocol}: {metric}": told.get("value") for metric, told in model.items()}
    return found | ({"membership AUC": betrayed.get("auc")} if isinstance(betrayed, Mapping) else {})


def _settings(loaded: LoadedBundle) -> dict[str, object]:
    about, models = loaded.manifest.provenance, loaded.models
    told: dict[str, object] = {
        "patients": about.n_patients,
        "cohort fingerprint": about.cohort_fingerprint[:12],
        "git commit": about.git_commit[:12],
        "link": ", ".join(sorted({model.outcome.link for model in models.models})),
        "learners": ", ".join(sorted({m.kind for own in models.models for m in own.blend.members})),
        "options": ", ".join(models.options),
        **{f"version of {name}": number for name, number in about.versions.items()},
    }
    study = tomllib.loads(about.study_text)
    asked = {name: part for name, part in study.items() if name not in ("card", "spec")}
    return told | dict(_flat(asked, "study"))


def _flat(part: object, where: str) -> Iterator[tuple[str, object]]:
    """Every setting by its dotted place."""
    if isinstance(part, Mapping):
        for name, own in part.items():
            yield from _flat(own, f"{where}.{name}")
    elif isinstance(part, list) and any(isinstance(own, Mapping) for own in part):
        for i, own in enumerate(part):
            yield from _flat(own, f"{where}[{i}]")
    else:
        yield where, part

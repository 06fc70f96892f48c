"""Which version may become the champion: one that met its study's gates, or one forced with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from features.errors import Fault, RegistryError
from models.registry import Registry, StudyRecord
from models.shelf import CHALLENGER


def promote(
    home: Path, study: str, version: int | None, reason: str, who: str, *, despite_gates: bool = False
) -> tuple[StudyRecord, int]:
    """Make a version (else the challenger) the champion; how the registry then stands, and the version.

    The gates are read from the version's own bundle, so that they hold on any machine.
    """
    registry = Registry(home)
    record = registry.show(study)
    chosen = record.aliases.get(CHALLENGER) if version is None else version
    if not despite_gates and chosen is not None:
        _refuse_missed_gates(registry, record, chosen)
    promoted = registry.promote(study, chosen, reason=reason, who=who)
    return registry.show(study), promoted


def missed_gates(metrics: Mapping[str, object]) -> list[Fault]:
    """Gates that a manifest's metrics tell as missed; a record without gates counts as missed."""
    judged = metrics.get("gates")
    if not isinstance(judged, list) or not judged:
        return [Fault("gates", "the bundle has no record of them")]
    return [
        Fault(gate["name"], f"found {gate['found']:.4g}, asked {gate['asked']}")
        for gate in judged
        if not gate["passed"]
    ]


def _refuse_missed_gates(registry: Registry, record: StudyRecord, version: int) -> None:
    digests = {known.version: known.digest for known in record.versions}
    if version not in digests:
        raise RegistryError(
            f"'{record.study}' has no version {version}; rxplain show {record.study} lists them"
        )
    missed = missed_gates(registry.fetch(record.study, digests[version]).manifest.provenance.metrics)
    if missed:
        remedy = "mend the study and fit again, or promote with --despite-gates and a --reason"
        raise RegistryError(f"version {version} of '{record.study}' is not promoted; {remedy}", missed)

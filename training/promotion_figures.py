"""Leading figures of two versions, held against each other where they were measured on the same splits."""

from __future__ import annotations

from collections.abc import Mapping

from models.manifest import Provenance
from training.study import Study

_LOWER_IS_BETTER = ("mae",)


def leading_metric(study: Study) -> str:
    """The metric by which the study's models are compared."""
    if study.panel is not None:
        return "spearman"
    return "auc" if study.outcome.is_binary else "mae"


def falls(before: Study, old: Provenance, asked: Study, new: Provenance, largest: float) -> list[str]:
    """Protocols under which the leading figure is worse by more than `largest`, in words.

    Figures on other splits are not compared, nor is a protocol that only one of the studies has.
    """
    if old.splits_sha256 != new.splits_sha256 or leading_metric(before) != leading_metric(asked):
        return []
    metric, told = leading_metric(before), []
    sign = 1.0 if metric in _LOWER_IS_BETTER else -1.0
    for protocol in before.protocols:
        figures = [figure(own, protocol.name, metric) for own in (old, new)]
        if protocol not in asked.protocols or figures[0] is None:
            continue
        if figures[1] is None:
            told.append(f"{protocol.name}: the candidate has no {metric}")
        elif sign * (figures[1] - figures[0]) > largest:
            told.append(f"{protocol.name}: {metric} {figures[1]:.4g}, the champion's {figures[0]:.4g}")
    return told


def figure(provenance: Provenance, protocol: str, metric: str) -> float | None:
    """A figure of the model under a protocol as its bundle tells it, or None."""
    found: object = provenance.metrics.get("protocols")
    for key in (protocol, "model", metric, "value"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) else None

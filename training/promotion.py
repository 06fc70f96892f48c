"""Which version may become the champion: one that meets every clause, or one forced with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from features.errors import BundleError, Fault, RegistryError
from models.registry import Registry, StudyRecord, Verdict
from models.shelf import CHALLENGER, CHAMPION
from training.promotion_clauses import BUNDLE, Case, judged
from training.sign_off import sign_off


def promote(
    home: Path,
    study: str,
    version: int | None,
    reason: str,
    who: str,
    *,
    despite_gates: bool = False,
    explain_change: str = "",
) -> tuple[StudyRecord, int]:
    """Make a version (else the challenger) the champion; how the registry then stands, and the version.

    Every clause is judged from the version's own bundle and the champion's, so that they hold on any
    machine. `despite_gates` promotes in spite of broken clauses, which the history then names; a bundle
    that does not prove itself is never promoted. `explain_change` says why golden patients moved.
    """
    registry = Registry(home)
    record = registry.show(study)
    chosen = record.aliases.get(CHALLENGER) if version is None else version
    verdict = Verdict()
    if chosen is not None:
        found = _found(registry, record, chosen, explain_change.strip())
        broken = tuple(name for name, faults in found.items() if faults)
        if broken and not despite_gates:
            faults = [fault for own in found.values() for fault in own]
            remedy = "mend the study and fit again, or promote with --despite-gates and a --reason"
            raise RegistryError(f"version {chosen} of '{study}' is not promoted; {remedy}", faults)
        verdict = Verdict(tuple(found), broken, explain_change.strip())
    promoted = registry.promote(study, chosen, reason=reason, who=who, verdict=verdict)
    return registry.show(study), promoted


def _found(
    registry: Registry, record: StudyRecord, version: int, explained: str
) -> Mapping[str, list[Fault]]:
    """Every clause judged; of a bundle that does not prove itself that one alone."""
    digests = {known.version: known.digest for known in record.versions}
    if version not in digests:
        raise RegistryError(
            f"'{record.study}' has no version {version}; rxplain show {record.study} lists them"
        )
    try:
        candidate = registry.fetch(record.study, digests[version])
    except BundleError as error:
        return {BUNDLE: [Fault(BUNDLE, error.summary), *error.faults]}
    standing = record.aliases.get(CHAMPION)
    champion = None
    if standing is not None and standing != version:
        champion = registry.fetch(record.study, digests[standing])
    signed = partial(sign_off, registry.home, record.study, digests[version])
    return judged(Case(record.study, candidate, champion, explained, version, signed))

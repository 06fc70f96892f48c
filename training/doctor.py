"""Whether this installation can do its work: what is so and, where it is not, what mends it."""

from __future__ import annotations

import os
import re
import socket
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from features.errors import RegistryError, RxplainError
from models import bundle
from models.registry import Registry
from models.shelf import Shelf
from training.datasets.catalog import SOURCES, verify

PORT = 8000
_PYTHONS = (3, 11), (3, 13)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `state` is `ok`, `note` (nothing wrong, but not there yet) or `fail`."""

    what: str
    state: str
    found: str
    remedy: str = ""


def examine(home: Path, data: Path, port: int = PORT) -> tuple[Finding, ...]:
    """Everything that is looked at, in the order in which it is needed; changes nothing."""
    return (
        _python(),
        *_packages(),
        _writable(home),
        *_sources(data),
        _registry(home),
        *_bundles(home),
        _port(port),
    )


def below_floor(requirements: list[str], installed: dict[str, str | None]) -> dict[str, str]:
    """Requirements that the installed versions do not meet, and what was found instead."""
    wrong = {}
    for text in requirements:
        asked = Requirement(text)
        if asked.marker is not None and not asked.marker.evaluate({"extra": ""}):
            continue
        version = installed.get(asked.name)
        if version is None or not asked.specifier.contains(version, prereleases=True):
            wrong[f"{asked.name}{asked.specifier}"] = version or "absent"
    return wrong


def _python() -> Finding:
    version = sys.version_info[:2]
    shown = ".".join(map(str, sys.version_info[:3]))
    fits = _PYTHONS[0] <= version <= _PYTHONS[1]
    return Finding("python", "ok" if fits else "fail", shown, "" if fits else "use Python 3.11, 3.12 or 3.13")


def _packages() -> list[Finding]:
    try:
        asked = metadata.requires("rxplain") or []
    except metadata.PackageNotFoundError:
        return [Finding("packages", "fail", "rxplain itself is not installed", "run make install")]
    wrong = below_floor(asked, {Requirement(text).name: _version(Requirement(text).name) for text in asked})
    if not wrong:
        return [Finding("packages", "ok", f"all {_needed(asked)} at or above their floors")]
    return [
        Finding(f"package {name}", "fail", version, "run make install") for name, version in wrong.items()
    ]


def _needed(asked: list[str]) -> int:
    return sum(not re.search(r"\bextra\b", text) for text in asked)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _writable(home: Path) -> Finding:
    standing = next(folder for folder in (home, *home.absolute().parents) if folder.exists())
    if standing.is_dir() and os.access(standing, os.W_OK):
        return Finding("home", "ok", str(home))
    return Finding("home", "fail", f"{home} cannot be written", "point RXPLAIN_HOME to a folder of yours")


def _sources(data: Path) -> list[Finding]:
    findings = []
    for source in SOURCES:
        state = verify(source.name, data)
        what = f"data {source.name}"
        if state.verified:
            findings.append(Finding(what, "ok", f"{state.n_patients:,} patients in {state.folder}"))
        elif not state.present:
            findings.append(
                Finding(what, "note", f"not in {state.folder}", f"rxplain data obtain {source.name}")
            )
        else:
            findings.append(Finding(what, "fail", state.problem, f"rxplain data obtain {source.name}"))
    return findings


def _registry(home: Path) -> Finding:
    if not (home / "mlflow.db").is_file():
        return Finding("registry", "note", "nothing is registered yet", "rxplain fit warfarin")
    try:
        studies = Registry(home).studies()
    except RegistryError as error:
        return Finding(
            "registry", "fail", error.summary, "restore mlflow.db, or point RXPLAIN_HOME elsewhere"
        )
    return Finding("registry", "ok", ", ".join(studies) or "reachable, no study registered")


def _bundles(home: Path) -> list[Finding]:
    """Whether each champion's bundle proves itself in this process."""
    shelf = Shelf(home)
    findings = []
    for study in shelf.studies():
        what = f"champion {study}"
        try:
            entry = shelf.champions().get(study)
            if entry is None:
                findings.append(Finding(what, "note", "none yet", f"rxplain promote {study}"))
                continue
            bundle.load(entry.folder, entry.digest)
            findings.append(
                Finding(what, "ok", f"version {entry.version}, bundle {entry.digest[:12]} proves itself")
            )
        except RxplainError as error:
            findings.append(Finding(what, "fail", error.summary, f"rxplain promote {study}"))
    return findings


def _port(port: int) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return Finding(
                f"port {port}",
                "note",
                "in use",
                "a server may be running; rxplain serve --port takes another",
            )
    return Finding(f"port {port}", "ok", "free")

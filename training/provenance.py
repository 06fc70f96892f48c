"""By what a result was made: package versions, commit, and the digest of our own sources."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_PACKAGES = ("numpy", "scipy", "scikit-learn", "lightgbm", "pandas", "pyarrow", "optuna")
_SUFFIXES = (".py", ".csv")
_OUTSIDE = (
    "cli",
    "cluster",
    "demo",
    "doctor",
    "live_server",
    "promotion",
    "golden",
    "side_by_side",
    "shadow",
    "report",
    "tracking",
    "predict_folder",
    "long_form",
    "home",
    "new_",
    "column_",
    "found_columns",
)


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in _PACKAGES}}


@cache
def git_commit() -> str:
    """The commit of these sources, `+changes` when they differ from it, or `unknown` outside a repository."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return "unknown"
    changed = _git("status", "--porcelain", "--", "features", "models", "training")
    return f"{commit}+changes" if changed else commit


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


@cache
def sources_sha256() -> str:
    """Digest of the sources that figures and models depend on; commands and figures are not among them."""
    digest = hashlib.sha256()
    for package in ("features", "models", "training"):
        for path in sorted((_ROOT / package).rglob("*")):
            if path.suffix in _SUFFIXES and not path.stem.startswith(_OUTSIDE):
                digest.update(f"{path.relative_to(_ROOT).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def key_of(*parts: str) -> str:
    """One key for a result, from all that it depends on."""
    everything = json.dumps([*parts, versions(), sources_sha256()], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()

"""What a benchmark found, as rows of a table, and the machine it was found on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("lightgbm", "shap", "bentoml", "uvicorn", "numpy", "scikit-learn", "pandas")


@dataclass(frozen=True, slots=True)
class Row:
    """One ratio or figure: what was compared, what is asked of it (empty: nothing), and what was found."""

    what: str
    asked: str
    found: str
    detail: str = ""


def write_results(rows: Sequence[Row], path: Path) -> str:
    """The rows as a Markdown document, written to `path` and returned."""
    text = as_markdown(rows)
    path.write_text(text, encoding="utf-8")
    return text


def as_markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown document."""
    table = ["| what | asked | found | from |", "| --- | --- | --- | --- |"]
    table += [f"| {row.what} | {row.asked or '-'} | **{row.found}** | {row.detail} |" for row in rows]
    lines = ["# Benchmarks", "", _machine(), "", *table, ""]
    return "\n".join(lines)


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"Measured by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {_processor()}, {os.cpu_count()} cores, "
        f"{_memory_gib():.0f} GiB, {platform.system()}, Python {platform.python_version()}; {packages}. "
        f"Load average at its end {os.getloadavg()[0]:.1f}. Absolute figures drift with the "
        "machine; the ratios are of measurements interleaved in one run."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30

"""Where results are kept and where cohorts lie; the one place in training that reads the environment."""

from __future__ import annotations

import os
from pathlib import Path


def home_folder() -> Path:
    """`RXPLAIN_HOME`: MLflow's store, bundles, evaluations, figures and prediction log; default `var`."""
    return Path(os.environ.get("RXPLAIN_HOME") or "var")


def data_folder() -> Path:
    """`RXPLAIN_DATA`: one folder a cohort; default `data`."""
    return Path(os.environ.get("RXPLAIN_DATA") or "data")

"""What every test shares: no telemetry, reproducible properties, and when a browser may be missing."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import settings

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", BENTOML_DO_NOT_TRACK="True", DO_NOT_TRACK="true")
settings.register_profile("rxplain", deadline=None, derandomize=True)
settings.load_profile("rxplain")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a browser test where there is no chromium, unless `RXPLAIN_REQUIRE` asks for it."""
    if item.get_closest_marker("browser") is None or shutil.which("chromium"):
        return
    if "browser" in os.environ.get("RXPLAIN_REQUIRE", "").split(","):
        pytest.fail("chromium is not installed, and RXPLAIN_REQUIRE asks for the browser tests")
    pytest.skip("chromium is not installed")

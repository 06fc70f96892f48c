"""What every test shares: no telemetry, reproducible properties, and what may be missing here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping

import pytest
from hypothesis import settings

from tests.postgres import postgres_server, programs

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", BENTOML_DO_NOT_TRACK="True", DO_NOT_TRACK="true")
settings.register_profile("rxplain", deadline=None, derandomize=True)
settings.load_profile("rxplain")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test of what is not installed here, unless `RXPLAIN_REQUIRE` asks for it."""
    required = os.environ.get("RXPLAIN_REQUIRE", "").split(",")
    for marker, is_here in _INSTALLED.items():
        if item.get_closest_marker(marker) is None or is_here():
            continue
        if marker in required:
            pytest.fail(f"{marker} is not installed, and RXPLAIN_REQUIRE asks for its tests")
        pytest.skip(f"{marker} is not installed")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The database of a PostgreSQL server that runs as long as the tests do."""
    with postgres_server() as url:
        yield url


_INSTALLED: Mapping[str, Callable[[], object]] = {
    "browser": lambda: shutil.which("chromium"),
    "postgres": programs,
}

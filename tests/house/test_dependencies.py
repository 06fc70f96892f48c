"""The lock agrees with pyproject.toml, and every dependency has a floor and a word on why it is there."""

from __future__ import annotations

import re
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.house.tree import PACKAGES, ROOT, imports, python_files

TEXT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(TEXT)["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
EXTRAS = PROJECT["optional-dependencies"]
ASKED = [*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)]
IMPORTED_AS = {
    "scikit-learn": "sklearn",
    "prometheus-client": "prometheus_client",
    "bed-reader": "bed_reader",
    "fhir.resources": "fhir",
    "pyjwt": "jwt",
    "python-multipart": "python_multipart",
    "fpdf2": "fpdf",
    "axe-playwright-python": "axe_playwright_python",
    "pyyaml": "yaml",
    "kubernetes-validate": "kubernetes_validate",
    "opentelemetry-api": "opentelemetry",
    "opentelemetry-sdk": "opentelemetry",
    "opentelemetry-exporter-otlp-proto-http": "opentelemetry",
    "opentelemetry-proto": "opentelemetry",
}
UNIMPORTED = {"uvloop", "httptools", "psycopg"}  # uvicorn and SQLAlchemy take them up by themselves
CARRIED = {"dask", "joblib"}  # by distributed and scikit-learn, which are asked for


def _locked() -> dict[str, list[Version]]:
    versions: dict[str, list[Version]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", LOCK, re.MULTILINE):
        versions.setdefault(canonicalize_name(name), []).append(Version(version))
    return versions


@pytest.mark.parametrize("asked", ASKED)
def test_lock_holds_the_dependency_at_a_version_that_will_do(asked: str) -> None:
    requirement = Requirement(asked)
    versions = _locked().get(canonicalize_name(requirement.name), [])
    assert versions
    assert all(version in requirement.specifier for version in versions)


@pytest.mark.parametrize("asked", ASKED)
def test_dependency_has_a_floor_and_a_reason(asked: str) -> None:
    assert any(bound.operator == ">=" for bound in Requirement(asked).specifier)
    line = next(line for line in TEXT.splitlines() if line.startswith(f'    "{asked}"'))
    assert re.search(r'", # \w.{6,}', line)


def test_lock_holds_hashes_and_nothing_of_the_machine_that_made_it() -> None:
    allowed = re.compile(r"[\w.-]+==\S+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?|    # .*")
    assert [line for line in LOCK.splitlines() if not allowed.fullmatch(line)] == []
    entries = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert not re.search(r"://|index|find-links", LOCK)


@pytest.mark.parametrize("asked", PROJECT["dependencies"])
def test_dependency_is_used(asked: str) -> None:
    name = Requirement(asked).name
    used = {found.top for file in python_files(*PACKAGES) for found in imports(file)}
    assert name in UNIMPORTED or IMPORTED_AS.get(name, name) in used


def test_nothing_is_imported_that_is_not_asked_for() -> None:
    asked = {IMPORTED_AS.get(n, n) for n in (Requirement(a).name for a in PROJECT["dependencies"])}
    known = asked | set(PACKAGES) | set(sys.stdlib_module_names)
    strays = [str(f) for file in python_files(*PACKAGES) for f in imports(file) if f.top not in known]
    assert not strays


def test_tests_import_nothing_that_is_not_asked_for_either() -> None:
    asked = {IMPORTED_AS.get(n, n) for n in (Requirement(a).name for a in ASKED)}
    rooms = {"tests", "benchmarks", "notebooks"}
    known = asked | set(PACKAGES) | rooms | set(sys.stdlib_module_names) | CARRIED | {"?"}
    strays = {f.top for file in python_files(*rooms) for f in imports(file) if f.top not in known}
    assert not strays

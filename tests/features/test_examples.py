"""The examples in the docstrings of `features` are true."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = ("calls", "clinical", "encode", "genotype", "units")


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"features.{name}"))
    assert found.attempted > 0
    assert found.failed == 0

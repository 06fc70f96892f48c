"""A file is one noun and a function does one thing, so neither grows past a bound."""

from __future__ import annotations

import ast

from tests.house.tree import PACKAGES, ROOT, functions, parsed, python_files

LINES_OF_A_FILE = 300
LINES_OF_A_FUNCTION = 60


def test_files_stay_short() -> None:
    lines = {
        f: len((ROOT / f).read_text(encoding="utf-8").splitlines())
        for f in python_files(*PACKAGES, "benchmarks")
    }
    assert {f: n for f, n in lines.items() if n > LINES_OF_A_FILE} == {}


def test_functions_stay_short() -> None:
    long = {
        f"{file}:{function.name}": lines
        for file in python_files(*PACKAGES, "benchmarks", "tests", "notebooks")
        for function in functions(file)
        if (lines := (function.end_lineno or function.lineno) - function.lineno + 1) > LINES_OF_A_FUNCTION
    }
    assert long == {}


def test_every_module_says_what_it_answers() -> None:
    mute = [file for file in python_files(*PACKAGES) if not ast.get_docstring(parsed(file))]
    assert not mute


def test_public_names_say_what_they_answer() -> None:
    mute = [
        f"{file}:{node.name}"
        for file in python_files(*PACKAGES)
        for node in parsed(file).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not mute


def test_everything_is_annotated() -> None:
    bare = []
    for file in python_files(*PACKAGES):
        for function in functions(file):
            given = function.args
            named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
            untyped = [a.arg for a in named if a.annotation is None and a.arg not in ("self", "cls")]
            if untyped or function.returns is None:
                bare.append(f"{file}:{function.lineno} {function.name}")
    assert not bare


def test_packages_export_nothing_of_their_own() -> None:
    """A name has one home: `__init__.py` holds a docstring and nothing else."""
    busy = [f for f in python_files(*PACKAGES) if f.endswith("__init__.py") and len(parsed(f).body) != 1]
    assert not busy

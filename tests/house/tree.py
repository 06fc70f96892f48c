"""The tracked files of this repository, and what their imports and functions look like."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("features", "models", "training", "serving")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module: the file it stands in, the line, and whether it hides in a function."""

    file: str
    line: int
    module: str
    hidden: bool

    @property
    def top(self) -> str:
        """The top-level package that is imported."""
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


@cache
def tracked() -> tuple[str, ...]:
    """Files that git keeps or would keep, as paths from the root."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    found = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(sorted({name for name in found.split("\0") if name and (ROOT / name).is_file()}))


def python_files(*folders: str) -> tuple[str, ...]:
    """Tracked Python files under these folders."""
    return tuple(f for f in tracked() if f.endswith(".py") and f.partition("/")[0] in folders)


@cache
def parsed(file: str) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse((ROOT / file).read_text(encoding="utf-8"), file)


@cache
def imports(file: str) -> tuple[Import, ...]:
    """Every import of a file, also those inside functions, under TYPE_CHECKING, and by import_module."""
    return tuple(_imports(file))


def _imports(file: str) -> Iterator[Import]:
    inside = {id(n) for f in functions(file) for n in ast.walk(f)}
    for node in ast.walk(parsed(file)):
        hidden = id(node) in inside
        if isinstance(node, ast.Import):
            yield from (Import(file, node.lineno, name.name, hidden) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield Import(file, node.lineno, "." * node.level + (node.module or ""), hidden)
        elif isinstance(node, ast.Call) and _called(node.func).endswith("import_module"):
            named = node.args[0]
            yield Import(file, node.lineno, named.value if isinstance(named, ast.Constant) else "?", False)


def _called(function: ast.expr) -> str:
    """The last part of the name by which something is called; '' if it has none."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


@cache
def functions(file: str) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]:
    """Every function and method of a file."""
    return tuple(n for n in ast.walk(parsed(file)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))

"""The part of requirements.lock that running takes, or building: what an image installs, hashes and all.

`python serving/deploy/locked.py pyproject.toml requirements.lock [EXTRA]` writes it to standard output:
without an extra the packages that Rxplain depends on, with one those of the extra, each with
what it depends on.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

_ENTRY = re.compile(r"^(?=[A-Za-z0-9][\w.-]*==)", re.MULTILINE)
_PARENT = re.compile(r"^    #(?: via)? +(?!via$)([\w.-]+)", re.MULTILINE)


def locked_part(project: str, lock: str, extra: str | None = None) -> str:
    """The entries of a lock that a project's dependencies, or an extra's, come to; each as it stands there.

    Parents are those that the lock's `# via` lines name.
    """
    declared = tomllib.loads(project)["project"]
    asked = declared["optional-dependencies"][extra] if extra else declared["dependencies"]
    entries = [entry for entry in _ENTRY.split(lock) if "==" in entry]
    parents = {_name(entry): {_name(found) for found in _PARENT.findall(entry)} for entry in entries}
    wanted = _closure({_name(one) for one in asked}, parents)
    return "".join(entry for entry in entries if _name(entry) in wanted)


def _closure(roots: Iterable[str], parents: dict[str, set[str]]) -> set[str]:
    wanted, grown = set(roots), True
    while grown:
        more = {name for name, by in parents.items() if name not in wanted and by & wanted}
        wanted |= more
        grown = bool(more)
    return wanted


def _name(text: str) -> str:
    """A package's name, normalised, at the start of a requirement."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s=<>!~;\[\\]", text, maxsplit=1)[0]).lower()


def main(arguments: Sequence[str]) -> None:
    """Write the part to standard output."""
    project, lock, *extra = arguments
    texts = (Path(path).read_text(encoding="utf-8") for path in (project, lock))
    sys.stdout.write(locked_part(*texts, *extra))


if __name__ == "__main__":
    main(sys.argv[1:])

"""What may lie in the repository: the entries we know; no machine's path, no registry's host, no patient."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from tests.house.tree import PACKAGES, ROOT, python_files, tracked

TOP = {
    ".ci", ".gitignore", "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "pyproject.toml",
    "requirements.lock", "benchmarks", "notebooks", "tests", *PACKAGES,
}  # fmt: skip
FORBIDDEN_SUFFIXES = {".pkl", ".pickle", ".joblib", ".parquet", ".db", ".sqlite", ".skops", ".npz", ".npy"}
LARGEST_BYTES = 600_000

# Written in pieces, so that this file does not name them itself.
HOSTS = ("pypi" + ".org", "python" + "hosted.org", "npmjs" + ".org", "debian" + ".org", "golang" + ".org")
MACHINE_PATH = re.compile(r"(?<![\w.*<>-])/(?:work|root|opt|home|Users|tmp)/")


def _texts() -> dict[str, str]:
    return {file: (ROOT / file).read_bytes().decode("utf-8", errors="replace") for file in tracked()}


def test_every_top_level_entry_is_expected() -> None:
    assert {PurePosixPath(file).parts[0] for file in tracked()} == TOP


def test_no_registry_host_is_named() -> None:
    assert [file for file, text in _texts().items() if any(host in text for host in HOSTS)] == []


def test_no_machine_path_is_named() -> None:
    assert [file for file, text in _texts().items() if MACHINE_PATH.search(text)] == []


def test_no_cohort_and_no_pickle_is_kept() -> None:
    assert [file for file in tracked() if PurePosixPath(file).suffix in FORBIDDEN_SUFFIXES] == []


def test_no_file_is_large() -> None:
    sizes = {file: (ROOT / file).stat().st_size for file in tracked()}
    assert {file: size for file, size in sizes.items() if size > LARGEST_BYTES} == {}


def test_every_module_is_in_the_readme_picture_and_the_picture_shows_no_other() -> None:
    picture = re.search(
        r"## The house\n.*?```text\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL
    )
    assert picture, "README.md has no picture under '## The house'"
    shown = set(re.findall(r"\b[\w/]+\.py\b", _with_rooms(picture[1])))
    there = {file for file in python_files(*PACKAGES) if not file.endswith("__init__.py")}
    assert (shown - there, there - shown) == (set(), set())


def _with_rooms(picture: str) -> str:
    """The picture with each module's room written before it.

    A line without indent names a room (`features/`); one with indent and a slash, a room within (`readers/`).
    """
    room, lines = "", []
    for line in picture.splitlines():
        name = re.match(r"^( *)([\w/]+/)(?:\s|$)", line)
        if name:
            room = name[2] if not name[1] else room.split("/")[0] + "/" + name[2]
            line = line[name.end() :]
        elif re.match(r"^  \S", line):
            room = room.split("/")[0] + "/"
        lines.append(re.sub(r"\b(?=\w+\.py\b)", room, line))
    return "\n".join(lines)


def test_every_test_that_a_bar_names_exists() -> None:
    named = set(
        re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", (ROOT / "serving" / "BARS.md").read_text("utf-8"))
    )
    assert len(named) > 30
    for file, test in named:
        assert (ROOT / file).exists(), file
        assert not test or f"def {test}(" in (ROOT / file).read_text("utf-8"), test

"""Arguments that several commands of `rxplain` take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyOrFile = Annotated[
    str, typer.Argument(metavar="STUDY", help="A study's name, or the path of its TOML file.")
]
DataDir = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder of cohorts, else RXPLAIN_DATA.")
]
OnCluster = Annotated[
    str | None,
    typer.Option(
        "--cluster", metavar="ADDRESS", help="A Dask scheduler, or `local`: same results, more workers."
    ),
]


def _named(study: str | None) -> str | None:
    """The name in a study's TOML file, where its path was given."""
    from training.study import study_name

    return study_name(study) if study is not None and study.endswith(".toml") else study


StudyName = Annotated[
    str,
    typer.Argument(metavar="STUDY", help="A study's name, or its TOML file.", callback=_named),
]
AnyStudyName = Annotated[
    str | None,
    typer.Argument(metavar="[STUDY]", help="A study's name or TOML file, else all.", callback=_named),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON document on standard output and nothing else.")
]

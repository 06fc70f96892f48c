"""Arguments that several commands of `rxplain` take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyName = Annotated[
    str, typer.Argument(metavar="STUDY", help="A study's name; `rxplain studies` lists them.")
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
AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON document on standard output and nothing else.")
]

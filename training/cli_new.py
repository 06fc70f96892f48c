"""`rxplain new`: a commented study for a cohort that nobody has described."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.cli_arguments import AsJson


def new(
    source: Annotated[
        Path,
        typer.Argument(metavar="FOLDER|TABLE", help="A cohort folder, a folder with one table, or a table."),
    ],
    out: Annotated[Path, typer.Option(metavar="STUDY.toml", help="The study to write.")],
    outcome: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The outcome's column, else the likeliest by name.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a commented study for a cohort: columns, kinds, units, and what may leak or identify."""
    from training.cli_new_views import Written
    from training.cli_views import tell
    from training.new_study import write_new_study

    tell(Written(write_new_study(source, out, outcome)), as_json)

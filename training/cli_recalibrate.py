"""`rxplain recalibrate`: a served model adapted to a new site from a few dozen of its patients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.cli_arguments import AsJson
from training.home import home_folder


def recalibrate(
    study: Annotated[
        str, typer.Argument(metavar="STUDY", help="A study's name; `rxplain show` lists the registered ones.")
    ],
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="The site's patients with outcomes, laid out like the study's own."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="BUNDLE", help="Write the bundle here and register nothing.")
    ] = None,
    alias: Annotated[
        str, typer.Option(help="Which version is adapted: champion or challenger.")
    ] = "champion",
    as_json: AsJson = False,
) -> None:
    """Adapt a model to a new site: intercept, slope and intervals; the result is a challenger.

    Needs 20 patients with outcomes or more, of a yes-or-no outcome 10 of each.
    """
    from training.cli_recalibrate_view import RecalibratedView
    from training.cli_views import tell
    from training.recalibrate import recalibrate as adapt_version

    tell(RecalibratedView(adapt_version(study, folder, home_folder(), alias, out)), as_json)

"""`rxplain biomarkers`: which features carry the answer, how surely, and what is known of their genes."""

from __future__ import annotations

from typing import Annotated

import typer

from training.cli_arguments import AsJson, DataDir
from training.home import data_folder, home_folder


def biomarkers(
    study: Annotated[
        str, typer.Argument(metavar="STUDY", help="A study's name, or the path of its TOML file.")
    ],
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell which features are chosen on halves of the patients, important, and associated; with CPIC links.

    The model is fitted again and again, which takes minutes on wide studies.
    """
    from training.cli_biomarkers_view import Biomarkers
    from training.cli_progress import at_work
    from training.cli_views import tell
    from training.run import biomarkers_of
    from training.study import load_study

    with at_work() as progress:
        found = biomarkers_of(load_study(study), data or data_folder(), home_folder(), progress)
    tell(Biomarkers(found), as_json)

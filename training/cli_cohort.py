"""`rxplain import` and `rxplain check`: laboratories' files to a cohort folder, and how whole a cohort is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from features.errors import SettingsError
from training.cli_arguments import AsJson, DataDir
from training.home import data_folder, home_folder


def import_files(
    source: Annotated[
        Path | None, typer.Argument(metavar="PLAN.toml|FILE", help="A plan, or with --format one file.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The cohort folder to write.")] = None,
    format: Annotated[
        str | None, typer.Option(metavar="NAME", help="The file's format; --formats lists them.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="An option of the format; repeat it.")
    ] = None,
    formats: Annotated[bool, typer.Option("--formats", help="List the formats and their options.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put files of any format together as one cohort folder, all of it or nothing.

    A plan is a TOML file with one [[sources]] a file; features/readers/FORMATS.md has an example of each.
    """
    from training.cli_cohort_views import Formats, Imported
    from training.cli_progress import at_work
    from training.cli_views import tell
    from training.cohort_import import FORMATS, import_cohort, plan_of_file, read_plan

    if formats:
        tell(Formats(FORMATS), as_json)
        return
    if source is None or out is None:
        raise typer.BadParameter("name a plan or a file, and with --out the folder to write")
    if option and format is None:
        raise SettingsError("--option needs --format; in a plan, options stand beside each source's format")
    plan = read_plan(source) if format is None else plan_of_file(source, format, option or [])
    with at_work() as progress:
        done = import_cohort(plan, out, progress)
    tell(Imported(done), as_json)


def check(
    study: Annotated[
        str, typer.Argument(metavar="STUDY|FOLDER", help="A study's name or TOML file, or a cohort folder.")
    ],
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Report every fault of a study and its data, or of a cohort folder, and what share is recorded."""
    from training.cli_cohort_views import CheckedFolder
    from training.cli_results import Checked
    from training.cli_views import tell
    from training.cohort_check import check_folder
    from training.prepared import check_study
    from training.study import load_study, study_names

    if study not in study_names() and Path(study).is_dir():
        tell(CheckedFolder(check_folder(Path(study))), as_json)
    else:
        found = check_study(load_study(study), data or data_folder(), home_folder())
        tell(Checked(found, study), as_json)

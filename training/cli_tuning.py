"""`rxplain tune`: search the settings of a study's learners, and tell them as lines for the study."""

from __future__ import annotations

from training.cli_arguments import AsJson, DataDir, StudyOrFile
from training.home import data_folder, home_folder


def tune(study: StudyOrFile, data: DataDir = None, as_json: AsJson = False) -> None:
    """Search a study's settings as its [tuning] section asks; an interrupted search goes on where it was.

    `fit` does this by itself. Settings written into the study, without [tuning], are no longer searched.
    """
    from training.cli_progress import at_work
    from training.cli_tuning_view import Search
    from training.cli_views import tell
    from training.study import load_study
    from training.tuned_study import tune_study

    with at_work() as progress:
        found = tune_study(load_study(study), data or data_folder(), home_folder(), progress)
    tell(Search(found), as_json)

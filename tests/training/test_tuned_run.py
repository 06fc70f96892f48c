"""A study that tunes, the whole way: searched once, fitted with what was found, and told with its run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from features.errors import StudyError
from models import bundle
from models.members import TreeMember
from models.registry import open_client
from training.run import evaluate_study, run_study
from training.study import Study, read_study
from training.tuned_study import tune_study

TUNING = """
[tuning]
trials = 4
nested_trials = 2
nested = {nested}

[tuning.space]
"trees.n_trees" = {{low = 5, high = 25}}
"trees.learning_rate" = {{low = 0.02, high = 0.3, log = true}}
"""


def _study(tiny_study: Study, nested: bool) -> Study:
    judged = '\n[[protocols]]\nname = "leave_one_site_out"'
    kept = tiny_study.text.partition(judged)[0] + _GATE
    sections = (f"\n[{name}]\n{_body(tiny_study.text, name)}" for name in ("equity.bands", "equity.reasons"))
    equity = '\n[equity]\nattributes = ["race", "sex", "age"]\n' + "".join(sections)
    return read_study(kept + equity + TUNING.format(nested=str(nested).lower()))


_GATE = '\n[[gates]]\nname = "any"\nfigure = "protocols.random_80_20.model.mae.value"\nat_most = 100.0\n'


def _body(text: str, section: str) -> str:
    """The lines of one section."""
    return text.partition(f"[{section}]\n")[2].partition("\n[")[0]


@pytest.mark.slow
def test_a_run_is_fitted_with_what_its_search_found(
    tiny_study: Study, iwpc_folder: Path, tmp_path: Path
) -> None:
    study = _study(tiny_study, nested=True)
    found = tune_study(study, iwpc_folder, tmp_path)
    (store,) = (tmp_path / "tuning").iterdir()
    before = store.read_bytes()
    made = run_study(study, iwpc_folder, tmp_path)
    assert store.read_bytes() == before
    loaded = bundle.load(made.bundle, made.digest)
    assert loaded.manifest.provenance.metrics["tuned"] == found.settings
    (trees,) = (own for own in loaded.models.model.blend.members if isinstance(own, TreeMember))
    assert trees.model_text.count("\nTree=") == found.settings["trees.n_trees"]
    run = open_client(tmp_path).get_run(made.run_id)
    assert run.data.params["tuned.trees.n_trees"] == str(found.settings["trees.n_trees"])
    choices = made.evaluation.document["choices"]
    assert isinstance(choices, list)
    assert all(set(choice["tuned"]) == set(found.settings) for choice in choices)
    assert not any("Settings were chosen" in remark for remark in _remarks(made.evaluation.document))
    assert run_study(study, iwpc_folder, tmp_path).cached


@pytest.mark.slow
def test_settings_of_everybody_serve_every_split_when_asked_so(
    tiny_study: Study, iwpc_folder: Path, tmp_path: Path
) -> None:
    document = evaluate_study(_study(tiny_study, nested=False), iwpc_folder, tmp_path).document
    assert any("Settings were chosen" in remark for remark in _remarks(document))
    choices = document["choices"]
    assert isinstance(choices, list)
    assert not any("tuned" in choice for choice in choices)


def _remarks(document: Mapping[str, object]) -> list[str]:
    remarks = document["remarks"]
    assert isinstance(remarks, list)
    return remarks


def test_a_study_without_a_search_says_what_to_write(tiny_study: Study, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"no \[tuning\]"):
        tune_study(tiny_study, tmp_path, tmp_path)

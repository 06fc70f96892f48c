"""What `rxplain` prints, where, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.cli import main
from training.home import data_folder, home_folder


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RXPLAIN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RXPLAIN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one call."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


def test_studies_are_listed_for_people_and_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "studies")[:2][1].startswith("study")
    code, out, err = run(capsys, "studies", "--json")
    by_name = {study["name"]: study for study in json.loads(out)}
    study = by_name["warfarin"]
    assert (code, err) == (0, "")
    assert (study["name"], study["drug"], study["unit"]) == ("warfarin", "warfarin", "mg/wk")


def test_unknown_study_is_told_in_words_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "aspirin")
    assert (code, out) == (1, "")
    assert err.startswith("rxplain: study 'aspirin' is not known")
    assert "warfarin" in err
    assert "Traceback" not in err


def test_faults_of_a_study_are_told_together(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = "name = 'x'\ncolour = 'red'\n[outcome]\ndrug = 'd'\n"
    (tmp_path / "wrong.toml").write_text(text, encoding="utf-8")
    code, _, err = run(capsys, "check", str(tmp_path / "wrong.toml"))
    assert code == 1
    assert "colour" in err
    assert "outcome" in err


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["fit"], ["fit", "warfarin", "--colour"], ["serve", "--port", "0"]]
)
def test_wrong_use_is_exit_code_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(capsys, *arguments)[0] == 2


def test_source_that_is_not_here_says_how_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    source = json.loads(run(capsys, "data", "list", "--json")[1])[0]
    assert (source["name"], source["present"]) == ("iwpc", False)
    assert "rxplain data obtain" in source["how"]
    code, out, _ = run(capsys, "data", "verify", "iwpc")
    assert code == 1
    assert "not here" in out


def test_verifying_all_sources_is_content_with_absent_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "data", "verify")[0] == 0


def test_check_obtains_what_an_installed_package_brings_and_leaves_the_data_folder_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(capsys, "check", "warfarin")[0] == 0
    assert (home_folder() / "sources" / "iwpc" / "iwpc.parquet").is_file()
    assert not data_folder().exists()


def test_a_folder_without_its_table_says_how_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    (data_folder() / "iwpc").mkdir(parents=True)
    code, out, err = run(capsys, "check", "warfarin")
    assert (code, out) == (1, "")
    assert "rxplain data obtain iwpc" in err


@pytest.mark.slow
def test_source_is_obtained_verified_and_checked(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "data", "obtain", "iwpc", "--json")
    assert (code, json.loads(out)[0]["n_patients"]) == (0, 6256)
    assert run(capsys, "data", "verify", "iwpc")[0] == 0
    checked = json.loads(run(capsys, "check", "warfarin", "--json")[1])
    assert checked["n_population"] == 5741
    assert all(0 <= share <= 1 for share in checked["usable"].values())
    assert "warfarin: no fault found" in run(capsys, "check", "warfarin")[1]


@pytest.mark.parametrize(
    "arguments", [["promote", "warfarin"], ["rollback", "warfarin"], ["show", "warfarin"]]
)
def test_study_that_is_not_registered_says_so(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (1, "")
    assert "rxplain fit warfarin" in err


def test_empty_registry_names_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "show", "--json")[:2] == (0, "[]\n")
    assert "rxplain fit warfarin" in run(capsys, "show")[1]


def test_looking_makes_no_store(capsys: pytest.CaptureFixture[str], folders: Path) -> None:
    run(capsys, "show")
    run(capsys, "show", "warfarin")
    assert not (folders / "home").exists()

"""Two hospitals' tables become served models by editing the study that `rxplain new` wrote of each."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.serving.server_process import ServerProcess
from training.cli import main

pytestmark = pytest.mark.slow
_N = 220
_QUICK = {"splits = 5": "splits = 1", "n_trees = 100": "n_trees = 30", "inner_folds = 5": "inner_folds = 3"}
Row = dict[str, str]


@dataclass(frozen=True)
class House:
    """A folder with a home, and two hospitals' studies, promoted."""

    folder: Path
    said: Mapping[str, dict]
    rows: Mapping[str, list[Row]]

    def study(self, name: str) -> Path:
        return self.folder / f"{name}.toml"


def response_rows(n: int) -> list[Row]:
    """A yes or no; semicolons, decimal commas, height in inches, and a trap with a harmless name."""
    rng = np.random.default_rng(7)
    rows = []
    for i in range(n):
        height, creatinine, smoker = rng.normal(67.0, 3.0), rng.lognormal(0.0, 0.3), rng.random() < 0.4
        chance = 1.0 / (1.0 + np.exp(-(0.5 * (height - 67.0) + 4.0 * np.log(creatinine) + smoker - 0.4)))
        responded = rng.random() < chance
        rows.append(
            {
                "Fallnummer": f"F-{i:04d}",
                "Nachname": f"Muster{i}",
                "Gender": "F" if rng.random() < 0.5 else "M",
                "Height (in)": f"{height:.1f}".replace(".", ","),
                "Creatinine mg/dL": "NA" if i % 11 == 0 else f"{creatinine:.2f}".replace(".", ","),
                "Smoker": "ja" if smoker else "nein",
                "Panel X": f"{rng.normal(5.0 if responded else 1.0, 0.8):.2f}".replace(".", ","),
                "Response": "CR" if responded else "PD",
            }
        )
    return rows


def dose_rows(n: int) -> list[Row]:
    """A quantity; commas, creatinine in umol/L, body weight in pounds, clinics, and a copy of the outcome."""
    rng = np.random.default_rng(8)
    rows = []
    for i in range(n):
        pounds, creatinine, stage = rng.normal(170.0, 25.0), rng.normal(90.0, 15.0), int(rng.integers(3))
        dose = 20.0 + 0.1 * (pounds - 170.0) - 0.08 * (creatinine - 90.0) + 2.0 * stage + rng.normal(0.0, 1.5)
        rows.append(
            {
                "clinic": f"C{i % 3}",
                "record_no": str(5000 + i),
                "wt_lbs": f"{pounds:.0f}",
                "creat (umol/L)": f"{creatinine:.0f}",
                "stage": ("early", "middle", "late")[stage],
                "tablets": f"{dose / 2.5 + rng.normal(0.0, 0.05):.2f}",
                "steady_state_dose_mg": f"{dose:.2f}",
            }
        )
    return rows


def write(path: Path, rows: list[Row], delimiter: str, without: tuple[str, ...] = ()) -> None:
    """The rows as a table, without some columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        names = [name for name in rows[0] if name not in without]
        writer = csv.DictWriter(file, names, delimiter=delimiter, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def edit(path: Path, changes: Mapping[str, str]) -> None:
    """Each text of the file, which stands there once, replaced by another."""
    text = path.read_text(encoding="utf-8")
    for found, wanted in changes.items():
        assert text.count(found) == 1, found
        text = text.replace(found, wanted)
    path.write_text(text, encoding="utf-8")


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Standard output of a command that succeeds."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    captured = capsys.readouterr()
    assert not stopped.value.code, captured.err
    return captured.out


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Both studies as `new` wrote them."""
    folder = tmp_path_factory.mktemp("hospitals")
    rows = {"response": response_rows(_N), "dose": dose_rows(_N)}
    write(folder / "north" / "liste.csv", rows["response"], ";")
    write(folder / "south" / "export.csv", rows["dose"], ",")
    north, south = str(folder / "north"), str(folder / "south" / "export.csv")
    said = {
        "response": _written(folder / "response.toml", north),
        "dose": _written(folder / "dose.toml", south, "--outcome", "steady_state_dose_mg"),
    }
    return House(folder, said, rows)


def _written(out: Path, source: str, *options: str) -> dict:
    """The study's text, and by column why `rxplain new` left it out."""
    printed = io.StringIO()
    with redirect_stdout(printed), pytest.raises(SystemExit) as stopped:
        main(["new", source, "--out", str(out), "--json", *options])
    assert not stopped.value.code
    suspicious = json.loads(printed.getvalue())["suspicious"]
    why = {entry["column"]: entry["reason"] for entry in suspicious}
    return {"suspicious": why, "text": out.read_text(encoding="utf-8")}


def test_traps_and_identifiers_are_flagged_with_their_reason(house: House) -> None:
    response, dose = (house.said[name]["suspicious"] for name in ("response", "dose"))
    assert response.keys() == {"Nachname", "Panel X"}
    assert "predicts the outcome almost alone (AUC" in response["Panel X"]
    assert dose.keys() == {"tablets"}
    assert "predicts the outcome almost alone (rank correlation" in dose["tablets"]


def test_no_cell_that_tells_of_one_patient_is_in_a_new_study(house: House) -> None:
    for name, rows in house.rows.items():
        common = {"CR", "PD", "F", "M", "ja", "nein", "NA", "early", "middle", "late"}
        cells = {cell for row in rows for cell in row.values() if len(cell) > 3} - common
        words = set(re.findall(r"[\w.,-]+", house.said[name]["text"]))
        assert not cells & words


def test_what_is_not_settled_is_refused_all_together(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["check", str(house.study("response"))])
    refused = capsys.readouterr().err
    assert stopped.value.code == 1
    for where in ("outcome.drug", "outcome.event", "table.facts.Response"):
        assert where in refused


def test_edited_studies_are_checked_trained_promoted_and_answer_alike_in_file_and_over_http(
    house: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RXPLAIN_HOME", str(house.folder / "home"))
    settled = {'drug = "?"': 'drug = "testumab"', **_QUICK}
    events = {
        'event = "?"': 'event = "complete response"',
        '"CR" = "?", "PD" = "?"': '"CR" = "1", "PD" = "0"',
    }
    edit(house.study("response"), {**settled, **events})
    edit(house.study("dose"), settled)
    for name in ("response", "dose"):
        path = str(house.study(name))
        checked = json.loads(told(capsys, "check", path, "--json"))
        assert checked["n_population"] == _N
        fitted = json.loads(told(capsys, "fit", path, "--json"))
        assert fitted["gates_passed"]
        told(capsys, "promote", path, "--reason", "first", "--who", "tester")
    asked = {
        "response": _answers(
            house, capsys, "response", "liste.csv", ";", ("Response", "Panel X", "Nachname")
        ),
        "dose": _answers(house, capsys, "dose", "export.csv", ",", ("steady_state_dose_mg", "clinic")),
    }
    with ServerProcess(house.folder / "home") as server:
        for name, document in (("response", _response_document), ("dose", _dose_document)):
            for row in house.rows[name][1:4]:
                patient = document(row)
                answer = server.http.post("/v1/predict", json={"study": name, "patient": patient}).json()
                filed = asked[name][patient["patient_id"]]
                assert answer["value"] == pytest.approx(float(filed["value"]), rel=1e-12)
                assert answer["drug"] == filed["drug"] == "testumab"


def _answers(
    house: House,
    capsys: pytest.CaptureFixture[str],
    name: str,
    file: str,
    delimiter: str,
    without: tuple[str, ...],
) -> dict[str, Row]:
    """What `predict` answers to a folder laid out alike, without outcomes."""
    folder, out = house.folder / f"ask-{name}", house.folder / f"{name}.csv"
    write(folder / file, house.rows[name][:6], delimiter, without)
    told(capsys, "predict", str(house.study(name)), str(folder), "--out", str(out))
    with out.open(encoding="utf-8", newline="") as rows:
        return {row["patient_id"]: row for row in csv.DictReader(rows)}


def _response_document(row: Row) -> dict:
    """The patient as an application sends them, in the hospital's own units."""
    return {
        "patient_id": row["Fallnummer"],
        "clinical": {
            "sex": {"value": "female" if row["Gender"] == "F" else "male"},
            "height": {"value": float(row["Height (in)"].replace(",", ".")), "unit": "[in_i]"},
            "creatinine": {"value": float(row["Creatinine mg/dL"].replace(",", ".")), "unit": "mg/dL"},
            "smoker": {"value": row["Smoker"] == "ja"},
        },
    }


def _dose_document(row: Row) -> dict:
    molar_mass_mg_per_umol = 113.12 / 1000.0
    milligrams = float(row["creat (umol/L)"]) * molar_mass_mg_per_umol / 10.0
    return {
        "patient_id": row["record_no"],
        "clinical": {
            "weight": {"value": float(row["wt_lbs"]), "unit": "[lb_av]"},
            "creatinine": {"value": milligrams, "unit": "mg/dL"},
            "stage": {"value": row["stage"]},
        },
    }

"""A study of a plain table, as text, and the table it describes: ten made-up patients and more."""

from __future__ import annotations

from pathlib import Path

from training.study import Study, load_study

HEADER = "Nr;Size;Crea;Smokes;Stage;Lab date;Start;Site;Dose"
ROWS = tuple(
    f"P{i};{60 + i},5;{70 + 2 * i};{'ja' if i % 2 else 'nein'};{'I' if i % 3 else 'III'};"
    f"2020-03-{i + 1:02d};2020-03-{i + 2:02d};S{i % 2};{20 + i}"
    for i in range(20)
)
TEXT = """
name = "own"
title = "A made-up study"
purpose = "Shows what is promised."
dataset = "cohort"
seed = 1
comparators = []

[outcome]
drug = "A"
name = "dose"
unit = "mg/wk"
links = ["identity"]
lowest = 0.0
highest = 500.0

[population]

[table]
file = "patients.csv"
patient_id = "Nr"
delimiter = ";"
decimal = ","
index_date = "Start"
missing = ["", "NA"]

[table.facts.Size]
fact = "clinical/height"
unit = "[in_i]"

[table.facts.Crea]
fact = "clinical/creatinine"
unit = "umol/L"
date_column = "Lab date"
[[variables]]
name = "creatinine"
kind = "quantity"
label = "creatinine"
unit = "mg/dL"
lowest = 0.1
highest = 20.0

[table.facts.Smokes]
fact = "clinical/smoker"
values = { ja = "1", nein = "0" }

[table.facts.Stage]
fact = "clinical/stage"
values = { I = "early", "*" = "late" }
[[variables]]
name = "stage"
kind = "category"
label = "stage"
categories = ["early", "late"]

[table.facts.Site]
fact = "groups/site"

[table.facts.Dose]
fact = "outcomes/dose"
unit = "mg/d"

[spec]
names = ["clinical.height.value", "clinical.smoker.flag", "clinical.*"]

[model]
strata = "none"
required_any = []
inner_folds = 2
group = "none"
minimum = 20

[ridge]

[[protocols]]
name = "folds"
kind = "folds"
splits = 1
folds = 2

[[gates]]
name = "any"
figure = "wins.folds.cohort_mean"
at_least = 0.0
"""


def own_study(folder: Path, text: str = TEXT, rows: tuple[str, ...] = ROWS, header: str = HEADER) -> Study:
    """The study in `folder`, with its table beside it."""
    (folder / "cohort").mkdir(exist_ok=True)
    (folder / "cohort" / "patients.csv").write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    (folder / "own.toml").write_text(text, encoding="utf-8")
    return load_study(folder / "own.toml")


def changed(*changes: tuple[str, str]) -> str:
    """The study's text with each found text, which stands there once, replaced."""
    text = TEXT
    for found, wanted in changes:
        assert text.count(found) == 1, found
        text = text.replace(found, wanted)
    return text

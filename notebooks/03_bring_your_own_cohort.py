# %% [markdown]
# # Bring your own cohort
#
# A table that nobody has described becomes a trained and judged model by editing one TOML file. The patients
# of this tutorial are made up on the spot, with the flaws of real exports: units in headers, words for yes
# and no, a column that gives the outcome away.
#
# Run it cell by cell in an editor that knows `# %%`, or as a whole:
# `python notebooks/03_bring_your_own_cohort.py`.

# %%
import csv
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from training.home import data_folder, home_folder
from training.new_study import write_new_study
from training.prepared import check_study
from training.run import run_study
from training.study import load_study

# %% [markdown]
# ## The table
#
# 240 patients of three clinics; whether they responded depends on a marker, on age and on smoking.

# %%
rng = np.random.default_rng(0)
folder = Path(mkdtemp()) / "export"
folder.mkdir()
rows = []
for i in range(240):
    age, marker, smokes = rng.normal(62, 9), rng.lognormal(1.0, 0.5), rng.random() < 0.35
    margin = 1.6 * (np.log(marker) - 1.0) - 0.05 * (age - 62) - 0.9 * smokes
    responded = rng.random() < 1 / (1 + np.exp(-margin))
    rows.append(
        {
            "record_no": f"R{i:04d}",
            "clinic": f"C{i % 3}",
            "age_years": f"{age:.0f}",
            "marker (ng/mL)": "" if i % 9 == 0 else f"{marker:.2f}",
            "smoker": "yes" if smokes else "no",
            "best_response": "CR" if responded else "PD",
            "cycles_until_progression": str(rng.integers(7, 12) if responded else rng.integers(1, 5)),
        }
    )
with (folder / "export.csv").open("w", newline="", encoding="utf-8") as file:
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
print(f"{len(rows)} patients, columns: {', '.join(rows[0])}")

# %% [markdown]
# ## A study of it
#
# `rxplain new` writes the study, and keeps out with a comment what looks like an identifier or like the
# outcome. The comments say what was found; lines marked SETTLE need somebody who knows the data.

# %%
path = folder.parent / "response.toml"
write_new_study(folder, path, "best_response")
text = path.read_text(encoding="utf-8")
print("\n".join(line for line in text.splitlines() if "cycles_until" in line or "SETTLE" in line)[:1500])

# %% [markdown]
# ## Settling it
#
# What the drug is called, what a 1 means, and which word means it: nobody but whoever knows the data can say.
# One repeat of four folds is enough to see how it goes.

# %%
settled = {
    'drug = "?"': 'drug = "made-up drug"',
    'event = "?"': 'event = "complete response"',
    '"CR" = "?", "PD" = "?"': '"CR" = "1", "PD" = "0"',
    "splits = 5": "splits = 1",
    "folds = 5": "folds = 4",
    "n_trees = 100": "n_trees = 30",
}
for found, wanted in settled.items():
    text = text.replace(found, wanted)
path.write_text(text, encoding="utf-8")
study = load_study(path)
checked = check_study(study, data_folder(), home_folder())
print(f"{checked.n_population} of {checked.n_source} patients, {checked.n_features} features")
for name, missing in checked.missing.items():
    print(f"{1 - missing:6.1%} recorded  {name}")

# %% [markdown]
# ## Training and judging
#
# The figures come beside what a simple comparator reaches, with intervals; gates decide whether the candidate
# may be promoted.

# %%
result = run_study(study, data_folder(), home_folder())
for protocol, whos in result.evaluation.document["protocols"].items():
    for who, figures in whos.items():
        auc = figures["auc"]
        lower, upper = auc.get("lower"), auc.get("upper")
        ends = "" if lower is None or upper is None else f" ({lower:.2f} to {upper:.2f})"
        print(f"{protocol:18} {who:18} AUC {auc['value']:.2f}{ends}")
for gate in result.gates:
    word = "passed" if gate.passed else "missed"
    print(f"gate '{gate.name}': asked {gate.asked}, found {gate.found:.3f}, {word}")

# %% [markdown]
# ## What it left
#
# A bundle that proves itself, a run in MLflow, a report and a model card. From here: `rxplain promote
# response.toml`, then `rxplain serve`.

# %%
print(f"version {result.version} of '{result.study}', bundle {result.digest[:12]}")
for file in sorted(result.figures.iterdir()):
    if file.suffix in (".html", ".json", ".xml"):
        print(f"  {file.name}: {file.stat().st_size:,} bytes")

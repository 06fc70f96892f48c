# %% [markdown]
# # Asking the service, as an application does
#
# An application knows an address and JSON. This tutorial trains a small model, starts a real server process,
# and asks it what a hospital's software would, through the Python client (`serving/client.py`, which needs
# nothing installed): one patient, the same patient without genotypes, with another drug, many patients, a
# request with mistakes, what became of the patient, and the page that a reviewer opens.
#
# Run it cell by cell in an editor that knows `# %%`, or as a whole:
# `python notebooks/04_asking_the_service.py`.

# %%
import json
import urllib.request
from dataclasses import replace

from models.registry import Registry
from serving.client import Client
from serving.client_problems import InvalidRequest
from training.datasets import catalog
from training.home import data_folder, home_folder
from training.live_server import live_server
from training.run import run_study
from training.study import load_study

# %% [markdown]
# ## A model that answers
#
# The shipped study, judged on three random splits alone and without gates, to be quick. `rxplain fit
# warfarin` does all of it, and `rxplain promote warfarin` refuses what missed a gate.

# %%
catalog.obtain("iwpc", data_folder())
study = load_study("warfarin")
random = next(protocol for protocol in study.protocols if protocol.kind == "random")
quick = replace(study, protocols=(replace(random, splits=3),), comparators=(), gates=(), transport=None)
result = run_study(quick, data_folder(), home_folder())
Registry(home_folder()).promote(study.name, result.version, reason="tutorial", who="tutorial")
print(f"version {result.version} of '{study.name}' answers")

# %% [markdown]
# ## What to send
#
# Every quantity has a UCUM unit; what is left out was not recorded, which is not the same as no.

# %%
patient = {
    "patient_id": "tutorial-1",
    "genotypes": [
        {"gene": "CYP2C9", "diplotype": "*1/*3"},
        {"gene": "VKORC1", "rsid": "rs9923231", "alleles": "C/T"},
    ],
    "clinical": {
        "age": {"value": 63, "unit": "a"},
        "weight": {"value": 176, "unit": "[lb_av]"},
        "height": {"value": 175, "unit": "cm"},
        "sex": {"value": "male"},
        "race": {"value": "white"},
    },
    "medications": [{"drug": "amiodarone", "taken": True}],
}
print(json.dumps(patient)[:120], "...")

# %% [markdown]
# ## Questions and answers
#
# The answer says by which bundle it was given, what was used and what was not, and carries notices in words.
# Each question carries an idempotency key: one that is lost on the way is asked again and recorded once.

# %%
ungenotyped = {name: part for name, part in patient.items() if name != "genotypes"}
without_amiodarone = {"name": "no amiodarone", "medications": [{"drug": "amiodarone", "taken": False}]}
many = (patient | {"patient_id": f"tutorial-{age}"} for age in range(40, 80))
wrong = json.loads(json.dumps(patient))
wrong["clinical"]["weight"]["unit"] = "stone"
wrong["clinical"]["colour"] = {"value": "blue"}

with live_server(home_folder() / "tutorial-server.log") as server, Client(server.address) as service:
    schema = service.schema("warfarin")
    answer = service.predict("warfarin", patient, level=0.9, explain="top")
    doubtful = service.predict("warfarin", ungenotyped, level=0.9, explain="top")
    simulated = service.simulate("warfarin", patient, [without_amiodarone])["simulated"][0]
    rows = list(service.batch("warfarin", many, explain="none"))
    try:
        service.predict("warfarin", wrong)
        problem = "it was accepted"
    except InvalidRequest as error:
        problem = str(error)
    outcome = service.report_outcome(answer["id"], answer["outcome"], 31.5, answer["unit"])
    with urllib.request.urlopen(f"{server.address}/review/{answer['id']}") as opened:
        page = opened.read()

# %% [markdown]
# ## The answer

# %%
print(json.dumps({name: answer[name] for name in list(answer)[:6]}, indent=1)[:900])

# %% [markdown]
# ## The same patient without genotypes
#
# There is still an answer, from what there is, with a wider interval and notices.

# %%
print(json.dumps(doubtful.get("prediction", doubtful), indent=1)[:1200])

# %% [markdown]
# ## What another drug would change, and many patients at once

# %%
print(json.dumps(simulated["difference"]), "mg a week without amiodarone")
print(f"{len(rows)} patients answered, {sum(row.problem is not None for row in rows)} refused")

# %% [markdown]
# ## Mistakes
#
# All faults at once, each with a pointer into the body and a remedy, and nothing of what was sent repeated.

# %%
print(problem[:900])
assert "stone" not in problem.replace("[stone_av]", "")
assert "blue" not in problem

# %% [markdown]
# ## What became of the patient, and the reviewer's page

# %%
print(json.dumps(outcome, indent=1))
print(f"{len(page):,} bytes of HTML for prediction {answer['id']}; no script, no outside request")
print(f"the schema of what may be sent has {len(json.dumps(schema)):,} characters and an example")

# %% [markdown]
# # Reading an explanation
#
# An answer comes with a contribution of every feature. They are exact SHAP values on the margin: the base,
# which is the answer for nobody in particular, plus all contributions is the answer to the last digit. This
# tutorial reads them for one patient, for genes and blocks, for everybody, and asks what would change them.
#
# Run it cell by cell in an editor that knows `# %%`, or as a whole:
# `python notebooks/02_reading_an_explanation.py`.

# %%
from copy import deepcopy

import numpy as np

from features.readers.document import read_documents, to_document
from training.datasets import catalog
from training.design import build_design
from training.fit import fit_response
from training.home import data_folder
from training.population import select_population
from training.study import load_study

# %% [markdown]
# ## A model to explain
#
# Two thirds of the sites teach it; the patients of the others are explained.

# %%
catalog.obtain("iwpc", data_folder())
study = load_study("warfarin")
patients = select_population(study, catalog.load("iwpc", data_folder())).cohort
sites = patients.groups["site"].astype(str)
taught = np.isin(sites, sorted(set(sites.tolist()))[::3], invert=True)
ids = np.array(patients.patient_ids, dtype=object)
learned_from, others = patients.take(ids[taught]), patients.take(ids[~taught])
model = fit_response(build_design(study, learned_from), learned_from, study, study.seed)
answers = model.explain(others)
print(f"learned from {len(learned_from):,} patients, {len(others):,} are explained")

# %% [markdown]
# ## One patient
#
# The link of the dose is the root: contributions add up there, and not in milligrams. To say what a step
# means in milligrams, walk from the base to the answer and turn each partial sum back; the order matters for
# that, so the page starts with the largest.

# %%
chosen = int(np.nanargmax(answers.value))
explanation = answers[chosen].explanation
assert explanation is not None
outcome, reached = model.outcome, explanation.base
print(f"base {float(outcome.from_margin(np.array(reached))):5.1f} {outcome.unit}")
for name, amount in sorted(explanation.by("feature").items(), key=lambda item: -abs(item[1]))[:8]:
    before = float(outcome.from_margin(np.array(reached)))
    reached += amount
    after = float(outcome.from_margin(np.array(reached)))
    print(f"{amount:+.3f} on the margin, {before:5.1f} -> {after:5.1f} {outcome.unit}   {name}")
total = explanation.base + explanation.contributions.sum()
print(f"base + all contributions - margin = {total - explanation.margin:.1e}")
assert abs(total - explanation.margin) < 1e-9

# %% [markdown]
# ## By gene and by block
#
# A gene's contribution is the sum of its features'. Sums of exact contributions are exact.

# %%
for level in ("gene", "block"):
    shares = explanation.by(level)
    told = ", ".join(f"{name} {amount:+.3f}" for name, amount in shares.items())
    print(f"by {level}: {told}")
    assert abs(sum(shares.values()) - explanation.contributions.sum()) < 1e-9

# %% [markdown]
# ## Everybody
#
# The mean absolute contribution says what moves answers in this population. It does not say what would happen
# if the feature were changed in the world: a model explains itself, not nature.

# %%
contributions = answers.contributions
assert contributions is not None
given = ~np.isnan(answers.value)
weight = np.abs(contributions[given]).mean(axis=0)
for i in np.argsort(-weight)[:8]:
    low, high = np.quantile(contributions[given][:, i], [0.05, 0.95])
    print(f"{weight[i]:.3f}  nine in ten between {low:+.2f} and {high:+.2f}   {model.features[i].label}")

# %% [markdown]
# ## What if
#
# The same patient with another VKORC1 genotype. Only what was changed, and what is read together with it, has
# another contribution; with trees in the blend that may be more than one feature.

# %%
document = to_document(others, answers.patient_ids[chosen])
changed = deepcopy(document)
changed["genotypes"] = [
    {**call, "alleles": "T/T"} if call.get("rsid") == "rs9923231" else call
    for call in changed.get("genotypes", [])
]
both = model.explain(read_documents([document])), model.explain(read_documents([changed]))
print(f"as recorded {both[0].value[0]:5.1f}, with T/T at rs9923231 {both[1].value[0]:5.1f} {outcome.unit}")
difference = both[1].contributions[0] - both[0].contributions[0]
moved = [(model.features[i].label, difference[i]) for i in np.argsort(-np.abs(difference)) if difference[i]]
for label, amount in moved[:4]:
    print(f"{amount:+.3f}  {label}")

# %% [markdown]
# ## What an explanation does not say
#
# - A feature that was not recorded still has a contribution: that of the typical value which stands in, or of
#   the trees' way for what is missing. The notices say which.
# - Two features that go together share what either could explain.
# - It says nothing of how sure the answer is. The interval does, and it is made from held-out errors.

# %%
notices = [notice for notice in answers[chosen].notices if notice.code in ("imputed", "unrecorded_as_absent")]
for notice in notices[:5]:
    print(notice.text)
interval = answers[chosen].interval
assert interval is not None
print(f"90% interval {interval.lower:.1f} to {interval.upper:.1f} {outcome.unit}")

# %% [markdown]
# # A tour of the warfarin study
#
# Warfarin has a narrow range between too little and too much, and the dose that holds a patient's INR
# differs tenfold between patients. Much of that is known before the first tablet: the genes CYP2C9 (how
# fast the body clears the drug) and VKORC1 (how much of its target there is), age, body size, and other
# medication.
#
# This tour goes from real patients to an explained dose in plain Python, one idea at a time. The command
# line does the same with `rxplain fit warfarin`, and adds the full evaluation, the registry and the
# service.
#
# Run it cell by cell in an editor that knows `# %%`, or as a whole: `python notebooks/01_warfarin_tour.py`.

# %%
import numpy as np

from features.encode import FeatureSpec, encode
from features.readers.document import read_documents, to_document
from training.comparators import comparator
from training.datasets import catalog
from training.design import build_design
from training.fit import fit_response
from training.home import data_folder
from training.population import select_population
from training.study import load_study

# %% [markdown]
# ## Real patients
#
# The cohort of the International Warfarin Pharmacogenetics Consortium: 6,256 patients of 22 sites. A
# `Cohort` holds what was recorded of each patient, long: what was not recorded has no row at all, which is
# not the same as a zero.

# %%
catalog.obtain("iwpc", data_folder())
cohort = catalog.load("iwpc", data_folder())
print(f"{len(cohort):,} patients, {len(set(cohort.groups['site'].tolist()))} sites")
print(f"{len(cohort.genotypes):,} germline calls, {len(cohort.clinical):,} clinical facts")

# %% [markdown]
# ## Who is asked about
#
# A study is a TOML file. It says who is in the population, which features are read, how patients are held
# out, and what a candidate must reach before it may answer. Every rule tells how many patients it left out.

# %%
study = load_study("warfarin")
selection = select_population(study, cohort)
for rule, n_left_out in selection.exclusions:
    print(f"{n_left_out:5,} left out by the rule: {rule}")
patients = selection.cohort
dose = patients.outcome(study.outcome.name)
print(
    f"{len(patients):,} remain; median dose {np.median(dose):.0f} {study.outcome.unit}, "
    f"from {dose.min():.0f} to {dose.max():.0f}"
)

# %% [markdown]
# ## From facts to numbers
#
# Encoding turns facts into named columns and fits nothing, so a cohort can be encoded once, before any
# patient is held out. Each column knows its block, gene, unit and label.

# %%
design = build_design(study, patients)
matrix = design.matrix
for feature, column in list(zip(matrix.features, matrix.values.T, strict=True))[:6]:
    print(f"{feature.name:40} {feature.label:45} recorded for {np.mean(~np.isnan(column)):6.1%}")

# %% [markdown]
# ## Learning, with one site held out
#
# Which facts were recorded at all depends on the site, so a model can do well on random splits by
# recognising the site, and fail at a new one. The honest question is how it does where it has never been.
# We hold out the site with the most patients but one, and learn from all others; link, weights and
# intervals are chosen inside that training part.

# %%
sites = patients.groups["site"]
names, sizes = np.unique(sites.astype(str), return_counts=True)
held_out = names[np.argsort(sizes)[-2]]
is_test = sites.astype(str) == held_out
train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
learned_from = patients.take(np.array(patients.patient_ids, dtype=object)[train])
asked_about = patients.take(np.array(patients.patient_ids, dtype=object)[test])

model = fit_response(build_design(study, learned_from), learned_from, study, study.seed)
weights = dict(zip((member.kind for member in model.blend.members), model.blend.weights, strict=True))
print(f"learned from {len(train):,} patients on the {model.outcome.link} of the dose; weights {weights}")

# %% [markdown]
# ## Beside the published formula
#
# A model is worth its place only beside what a clinic would do without it: a fixed dose, or the formula
# published with these data (doi:10.1056/NEJMoa0809329).

# %%
answers = model.predict(asked_about)
observed = dose[test]
given = ~np.isnan(answers.value)
estimates = {"this model": answers.value}
for who in ("iwpc_pharmacogenetic", "iwpc_clinical", "fixed_35"):
    estimates[who] = comparator(who)(design, study, train, test)
for who, estimate in estimates.items():
    error = np.abs(estimate - observed)[given].mean()
    print(f"{who:21} mean absolute error {error:5.2f} mg/week over {given.sum()} patients of an unseen site")

covered = (answers.lower <= observed) & (observed <= answers.upper)
print(f"90% intervals hold the dose found by treatment for {covered[given].mean():.1%} of them")

# %% [markdown]
# ## Why this dose?
#
# Contributions are exact SHAP values on the margin (the link of the dose): the base is the average over the
# patients learned from, and base plus contributions is the answer, to the last digit.

# %%
explained = model.explain(asked_about)
chosen = int(np.nanargmin(explained.value))
prediction = explained[chosen]
explanation = prediction.explanation
interval = prediction.interval
print(f"{prediction.value:.1f} {prediction.unit}, 90% interval {interval.lower:.1f} to {interval.upper:.1f}")
contributions = sorted(explanation.by("feature").items(), key=lambda item: -abs(item[1]))
for name, amount in contributions[:6]:
    print(f"  {amount:+.3f}  {name}")
print("by gene or block:", {name: round(amount, 3) for name, amount in explanation.by("gene").items()})
total = explanation.base + explanation.contributions.sum()
print(f"base + contributions - margin = {total - explanation.margin:.1e}")
assert abs(total - explanation.margin) < 1e-6

# %% [markdown]
# ## A request is a cohort of one
#
# What an application sends is a JSON document of one patient. Read back, it is a cohort like any other, and
# its answer is the same, bit for bit, as in the batch above.

# %%
document = to_document(asked_about, prediction.patient_id)
alone = model.predict(read_documents([document]))
print(f"sections of the document: {', '.join(document)}")
print(f"alone {float(alone.value[0])!r}, in the batch {float(answers.value[chosen])!r}")
assert alone.value[0] == answers.value[chosen]

# %% [markdown]
# ## What is not known
#
# Without the genotypes the same patient still has an answer; the interval is that of patients without them,
# and a notice says what was filled in. Without what the study requires there is no number at all.

# %%
without_genes = {name: section for name, section in document.items() if name != "genotypes"}
doubtful = model.predict(read_documents([without_genes]))[0]
interval = doubtful.interval
print(f"{doubtful.value:.1f} {doubtful.unit}, 90% interval {interval.lower:.1f} to {interval.upper:.1f}")
for notice in doubtful.notices:
    print(f"  {notice.severity}: {notice.text}")

nothing = model.predict(read_documents([{"patient_id": "unknown"}]))[0]
print("declined:", [notice.text for notice in nothing.notices if notice.severity == "decline"])
assert nothing.declined

# %% [markdown]
# ## What encoding looked at
#
# A look at the single patient as numbers, with what was not recorded left open.

# %%
row = encode(read_documents([document]), FeatureSpec(study.features, study.spec.linked_snps))
recorded = {
    name: value for name, value in zip(row.names, row.values[0].tolist(), strict=True) if value == value
}
print(f"{len(recorded)} of {len(row.names)} features recorded, among them {sorted(recorded)[:4]}")

# %% [markdown]
# Next: `rxplain fit warfarin` evaluates this under both protocols, tracks it and registers it; `rxplain
# promote warfarin` lets it answer; `rxplain serve` puts it behind HTTP, with a review page for every
# answer.

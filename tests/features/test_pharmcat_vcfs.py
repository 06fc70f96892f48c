"""PharmCAT's own test VCFs: what can be decided is called as the file's name says, the rest is not called.

The table holds every file of a supported gene whose name tells a diplotype. `call` is what is called without
being told to assume anything; where it is None the data do not decide, and `why` says what is open.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from features.errors import CohortError
from features.readers.vcf import read_vcf
from features.star_alleles import DiplotypeCall

DATA = Path(os.environ.get("RXPLAIN_DATA", Path(__file__).parents[3] / "shared" / "data"))
FOLDER = DATA / "pharmcat" / "vcf"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"no {FOLDER}: set RXPLAIN_DATA to the folder of the data"
)

UNPHASED = "without phase the variants may lie on one chromosome or on two"
UNREAD = "a position was not read that tells the alleles apart"
BEFORE_38 = "rs3758581, which tells *1 from *38 since 2021, was not read"
COMBINED = "more variants on one chromosome than any one allele has"


@dataclass(frozen=True)
class Named:
    """A file, the gene, the diplotype that its name tells, what is called of it, and why that may differ."""

    file: str
    gene: str
    named: str
    call: str | None
    why: str = ""


def _as_named(gene: str, prefix: str, **files: str) -> list[Named]:
    return [Named(f"{prefix}__{file}", gene, call, call) for file, call in files.items()]


def _open(gene: str, prefix: str, why: str, **files: str) -> list[Named]:
    return [Named(f"{prefix}__{file}", gene, named, None, why) for file, named in files.items()]


AS_NAMED = [
    *_as_named(
        "CYP2C9", "cyp2c9", s1s1="*1/*1", s2s3="*2/*3", s2s24="*2/*24", s24s24="*24/*24", s2s25="*2/*25"
    ),
    *_as_named("CYP2C19", "cyp2c19", s1s1="*1/*1", s1s2="*1/*2", s1s28="*1/*28", s2s2="*2/*2", s2s3="*2/*3"),
    *_as_named("CYP2C19", "cyp2c19", s4as4b="*4/*4", s4bs17="*4/*17", s4s17het="*4/*17"),
    *_as_named("CYP3A5", "cyp3a5", s1s1="*1/*1", s1s7="*1/*7", s3s9="*3/*9", s3s3rs55965422het="*3/*3"),
    *_as_named("CYP3A5", "cyp3a5", s1s3rs776746rs55965422het="*1/*3", **{"s3s9-homozygous": "*3/*9"}),
    *_as_named(
        "SLCO1B1", "SLCO1B1", s1s1="*1/*1", s1s44="*1/*44", s2s2="*2/*2", s5s15="*5/*15", s5s45="*5/*45"
    ),
    *_as_named("UGT1A1", "UGT1A1", s1s1="*1/*1", s28het="*1/*28", s28s37="*28/*37", s28s60hom="*1/*28"),
    *_as_named("UGT1A1", "UGT1A1", s6s6="*6/*6", s28s80phased="*1/*80+*28", s28s80s6s60phased="*6/*80+*28"),
    *_as_named("UGT1A1", "UGT1A1", s28s80s6s60unphased="*6/*80+*28", s1s37s80s60phased="*1/*80+*37"),
    *_as_named("UGT1A1", "UGT1A1", s1s60s80phased="*1/*80", s1s60s80unphased="*1/*80"),
    *_as_named("IFNL3", "IFNL3", rs12979860CC="Reference/Reference", rs12979860CT="Reference/rs12979860"),
    *_as_named("IFNL3", "IFNL3", rs12979860TT="rs12979860/rs12979860"),
    Named("VKORC1__-1639G-1639G", "VKORC1", "Reference/Reference", "Reference/Reference"),
    Named("VKORC1__-1639G-1639A", "VKORC1", "Reference/rs9923231", "Reference/rs9923231"),
    Named("VKORC1__-1639A-1639A", "VKORC1", "rs9923231/rs9923231", "rs9923231/rs9923231"),
]
"""Decided, and called as the name says (UGT1A1 *60 is in no table any more; CYP2C19 *4A and *4B are *4)."""

UNDECIDED = [
    *_open("CYP2C9", "cyp2c9", UNREAD, s1s61="*1/*61", s3s18m94981296="*3/*18"),
    *_open("CYP2C19", "cyp2c19", BEFORE_38, s1s17="*1/*17", s1s35="*1/*35", s1s2rs3758581missing="*1/*2"),
    *_open("CYP2C19", "cyp2c19", UNREAD, s1s1rs12248560missing="*1/*1", s15s28="*15/*28"),
    *_open("CYP2C19", "cyp2c19", UNREAD, s1s17s1s4bmissing="*1/*17", s1s17s1s4bmissingmore="*1/*17"),
    *_open("CYP2C19", "cyp2c19", UNREAD, s4s17missingS1="*4/*17", s4bs17rs28399504missing="*4/*17"),
    *_open("CYP2C19", "cyp2c19", UNPHASED, s1s4b="*1/*4", s1s4s17="*1/*4", s1s2rs58973490het="*1/*2"),
    *_open("CYP2C19", "cyp2c19", UNPHASED, s1s2rs3758581missingRs58973490het="*1/*2"),
    *_open("CYP3A5", "cyp3a5", UNREAD, s1s1rs776746missing="*1/*1", s1s7missing="*1/*7"),
    *_open("CYP4F2", "cyp4f2", UNREAD, s1s1="*1/*1"),
    *_open(
        "SLCO1B1", "SLCO1B1", UNPHASED, s1s15="*1/*15", SLCO1B1_s1_s15_t1="*1/*15", SLCO1B1_s1_s14_t1="*1/*14"
    ),
    *_open("SLCO1B1", "SLCO1B1", UNPHASED, SLCO1B1_s1_s25_t1="*1/*25", SLCO1B1_s5_s14_t1="*5/*14"),
    *_open("SLCO1B1", "SLCO1B1", UNPHASED, SLCO1B1_s14_s19_t1="*14/*19", SLCO1B1_s15_s45_t1="*15/*45"),
    *_open("SLCO1B1", "SLCO1B1", UNPHASED, SLCO1B1_s19_s37_t1="*19/*37", SLCO1B1_s37_s40_t1="*37/*40"),
    *_open("SLCO1B1", "SLCO1B1", UNPHASED, s1as15s1bs5missing="*1/*15", s1as15s1bs5twomissing="*1/*15"),
    *_open("UGT1A1", "UGT1A1", UNPHASED, s28s80unphased="*28/*80", s1s28s60s80unphased="*1/*80+*28"),
    *_open(
        "UGT1A1", "UGT1A1", UNREAD, s27s28unphaseds80s60missing="*27/*28", s28s28unphaseds60s80miss="*28/*28"
    ),
    *_open("UGT1A1", "UGT1A1", UNREAD, s28s37unphaseds80s60missing="*28/*37", s80s28missing="*1/*80"),
    *_open(
        "UGT1A1",
        "UGT1A1",
        UNREAD,
        s28hets60homounphaseds80missing="*1/*28",
        s6s60s80s28missingphased="*6/*80",
    ),
    *_open("UGT1A1", "UGT1A1", UNREAD, s6s60s80s28missingunphased="*6/*80"),
]
"""Not decided: the named diplotype is one of several that fit."""

RETIRED = "*5 was retired, since rs55965422 occurs on *3 alone (PharmVar, doi:10.1002/cpt.2563)"
NINE = "rs28383479 defines *9; when the file was named, *3 was let carry it"
OTHER_VERSION = [
    Named("cyp3a5__s3s5-homozygous", "CYP3A5", "*3/*5", "*1/*3", RETIRED),
    Named("cyp3a5__s1s3rs776746rs28383479het", "CYP3A5", "*1/*3", "*3/*9", NINE),
    Named("cyp3a5__s1s3rs776746rs55965422rs28383479het", "CYP3A5", "*1/*3", "*3/*9", NINE),
    Named(
        "cyp2c9__s2s24only", "CYP2C9", "*2/*24", None, "*24 was let carry *2's variant; now that is unnamed"
    ),
    Named("cyp2c9__s24s2pluss24", "CYP2C9", "*24/*2+*24", None, COMBINED),
    Named("UGT1A1__s1s60s80s6phased", "UGT1A1", "*1/*80+*6", None, COMBINED),
    Named("UGT1A1__s1s60s80s28s6phased", "UGT1A1", "*1/*80+*28+*6", None, COMBINED),
    Named("UGT1A1__s1s80s27s60s28missingphased", "UGT1A1", "*1/*80+*27", None, COMBINED),
]
"""Every difference between the definitions that a file was named by and those used here."""

UNNAMED = {
    "cyp2c19__noCall": ("CYP2C19", None),
    "cyp2c19__sUnks17": ("CYP2C19", None),
    "cyp2c19__rs12769205call": ("CYP2C19", "*1/*35"),
    "cyp2c19__rs12769205missingrs4244285het": ("CYP2C19", None),
    "cyp2c19__rs12769205only": ("CYP2C19", None),
    "cyp2c19__rs12769205ref": ("CYP2C19", None),
    "SLCO1B1__multi": ("SLCO1B1", None),
    "UGT1A1__HG00436": ("UGT1A1", None),
    "UGT1A1__NA12717_UGT1A1": ("UGT1A1", "*80/*80+*28"),
    "UGT1A1__NA18868_UGT1A1": ("UGT1A1", "*80/*80+*28"),
    "UGT1A1__NA19785_UGT1A1": ("UGT1A1", "*80/*80+*28"),
}
"""Files of one gene whose names tell no diplotype, and what is called of them."""

GENES = ("cyp2c9__", "cyp2c19__", "cyp3a5__", "cyp4f2__", "SLCO1B1__", "UGT1A1__", "VKORC1__", "IFNL3__")
REFUSED = {"haplotype__VcfReaderTest-badAllele.vcf", "tests__raw_bad_chr.vcf"}


def _call(file: str, gene: str, assume: tuple[str, ...] = ()) -> DiplotypeCall:
    (calls,) = read_vcf(FOLDER / f"{file}.vcf", assume_reference=assume).calls()
    return next(call for call in calls if call.gene == gene)


def test_every_file_of_one_gene_is_in_the_table() -> None:
    there = {path.stem for path in FOLDER.glob("*.vcf") if path.name.startswith(GENES)}
    assert there == {n.file for n in (*AS_NAMED, *UNDECIDED, *OTHER_VERSION)} | UNNAMED.keys()


@pytest.mark.parametrize("named", AS_NAMED, ids=lambda n: n.file)
def test_what_is_decided_is_called_as_named(named: Named) -> None:
    assert _call(named.file, named.gene).call == named.named


@pytest.mark.parametrize("named", UNDECIDED, ids=lambda n: n.file)
def test_what_is_not_decided_is_not_called_and_offers_the_name(named: Named) -> None:
    found = _call(named.file, named.gene)
    assert found.call is None
    assert named.named in found.candidates
    assert found.reason == "several diplotypes fit"
    assert bool(found.unread) or named.why == UNPHASED


@pytest.mark.parametrize("named", OTHER_VERSION, ids=lambda n: n.file)
def test_what_other_definitions_call_otherwise_is_told_one_by_one(named: Named) -> None:
    assert _call(named.file, named.gene).call == named.call
    assert named.call != named.named
    assert named.why


@pytest.mark.parametrize(("file", "gene", "expected"), [(f, *told) for f, told in UNNAMED.items()])
def test_files_whose_names_tell_nothing(file: str, gene: str, expected: str | None) -> None:
    assert _call(file, gene).call == expected


@pytest.mark.parametrize("named", UNDECIDED, ids=lambda n: n.file)
def test_told_to_assume_the_reference_what_was_unread_is_decided(named: Named) -> None:
    """Rightly where the reference was there, wrongly where it was not: so it is never done untold."""
    found = _call(named.file, named.gene, ("all",))
    if named.why == UNPHASED or named.file in STILL_OPEN:
        assert found.call is None
    else:
        assert found.call == ASSUMED_WRONGLY.get(named.file, named.named)
        assert found.assumed


ASSUMED_WRONGLY = {
    "cyp2c19__s1s17": "*17/*38",
    "cyp2c19__s1s35": "*35/*38",
    "cyp2c19__s1s2rs3758581missing": "*2/*38",
    "cyp2c19__s4bs17rs28399504missing": "*17/*17",
    "cyp3a5__s1s7missing": "*1/*1",
}
"""What comes of taking a position for the reference that was left out because it was not."""

STILL_OPEN = {"cyp2c9__s3s18m94981296", "cyp2c19__s4s17missingS1"}
"""With the reference at what was unread no two alleles fit, or the phase stays open."""


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*")) if FOLDER.is_dir() else [], ids=lambda p: p.name)
def test_every_file_is_read_or_refused_by_name(path: Path) -> None:
    if path.name in REFUSED:
        with pytest.raises(CohortError, match=path.name):
            read_vcf(path)
    else:
        reading = read_vcf(path)
        assert reading.build == "GRCh38"
        assert reading.imported().cohort.patient_ids == reading.patient_ids

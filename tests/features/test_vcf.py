"""Germline VCF: builds, phases, blocks and indices read alike; broken and hostile files refused by name."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import CohortError
from features.knowledge.definitions import BUILDS, REFERENCE, Change, Site, definitions, snp_sites
from features.readers import vcf_header
from features.readers.bgzf import END_BLOCK
from features.readers.vcf import ASSUME_ALL, VcfReading, read_vcf
from features.readers.vcf_header import LENGTHS
from features.star_alleles import OTHER, UNREAD, Observation

FORMATS = '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
SETS = '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="p">\n'
DEPTHS = '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="a">\n'
FILTERS = '##FILTER=<ID=PASS,Description="p">\n##FILTER=<ID=LowQual,Description="l">\n'
ENDS = '##INFO=<ID=END,Number=1,Type=Integer,Description="e">\n'
RECORDS = "chr10\t94942290\t.\tC\tT\t.\tPASS\t.\tGT\t0/1\n"


def _contigs(build: str = "GRCh38", prefix: str = "chr") -> str:
    index = BUILDS.index(build)
    return "".join(f"##contig=<ID={prefix}{name},length={sizes[index]}>\n" for name, sizes in LENGTHS.items())


def _text(records: str, samples: str = "p1", head: str | None = None, formats: str = FORMATS) -> str:
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + samples + "\n"
    contigs = _contigs() if head is None else head
    return "##fileformat=VCFv4.2\n" + FILTERS + ENDS + formats + contigs + columns + records


def _write(folder: Path, text: str, name: str = "a.vcf") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def _read(folder: Path, records: str, samples: str = "p1", **options: object) -> VcfReading:
    formats = FORMATS + SETS + DEPTHS
    return read_vcf(_write(folder, _text(records, samples, formats=formats)), **options)  # type: ignore[arg-type]


def _at(reading: VcfReading, rsid: str, sample: int = 0) -> Observation:
    for gene, definition in definitions().items():
        for i, site in enumerate(definition.sites):
            if site.rsid == rsid and gene in reading.genes:
                return reading.genes[gene][sample][i]
    return reading.snps[rsid][sample]


def _block(text: bytes) -> bytes:
    worker = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = worker.compress(text) + worker.flush()
    head = b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff\x06\x00BC\x02\x00" + struct.pack("<H", len(packed) + 25)
    return head + packed + struct.pack("<2I", zlib.crc32(text), len(text))


def _bgzip(folder: Path, parts: Iterable[str], name: str = "a.vcf.gz") -> tuple[Path, list[int]]:
    """A bgzip file, one block (or more) a part, and where each part begins."""
    packed, starts = b"", []
    for part in parts:
        starts.append(len(packed))
        raw = part.encode()
        packed += b"".join(_block(raw[i : i + 60_000]) for i in range(0, len(raw), 60_000))
    path = folder / name
    path.write_bytes(packed + END_BLOCK)
    return path, [*starts, len(packed)]


def _tabix(path: Path, chunks: list[tuple[str, int, int, int]]) -> Path:
    """A tabix index: (contig, a base, first block, block after the last) of each of a few chunks."""
    names = b"".join(f"{contig}\0".encode() for contig in dict.fromkeys(c[0] for c in chunks))
    index = b"TBI\1" + struct.pack("<8i", names.count(b"\0"), 2, 1, 2, 0, ord("#"), 0, len(names)) + names
    for contig in dict.fromkeys(c[0] for c in chunks):
        mine = [c for c in chunks if c[0] == contig]
        index += struct.pack("<i", len(mine))
        for _, base, first, last in mine:
            index += struct.pack("<IiQQ", 4681 + (base >> 14), 1, first << 16, last << 16)
        index += struct.pack("<i", 0)
    target = path.with_name(path.name + ".tbi")
    target.write_bytes(_block(index) + END_BLOCK)
    return target


def _fault(path: Path, **options: object) -> str:
    with pytest.raises(CohortError) as caught:
        read_vcf(path, **options)  # type: ignore[arg-type]
    assert path.name in str(caught.value)
    return str(caught.value)


# What is read


@pytest.mark.parametrize("prefix", ["chr", ""])
def test_chromosomes_may_be_named_either_way(tmp_path: Path, prefix: str) -> None:
    text = _text(RECORDS.replace("chr", prefix), head=_contigs(prefix=prefix))
    assert _at(read_vcf(_write(tmp_path, text)), "rs1799853").second == "10-94942290-C-T"


@pytest.mark.parametrize(
    ("genotype", "expected"),
    [
        ("0/1", Observation(REFERENCE, "10-94942290-C-T")),
        ("1|0", Observation("10-94942290-C-T", REFERENCE, "chr10")),
        ("1/1", Observation("10-94942290-C-T", "10-94942290-C-T")),
        ("./.", UNREAD),
        ("./1", Observation(None, "10-94942290-C-T")),
        ("0", UNREAD),
    ],
)
def test_genotypes_are_read_as_written(tmp_path: Path, genotype: str, expected: Observation) -> None:
    records = f"chr10\t94942290\t.\tC\tT\t.\tPASS\t.\tGT\t{genotype}\n"
    assert _at(_read(tmp_path, records), "rs1799853") == expected


def test_phase_sets_are_kept_apart(tmp_path: Path) -> None:
    records = (
        "chr6\t18130687\t.\tT\tC\t.\tPASS\t.\tGT:PS\t0|1:5\t0|1:5\n"
        "chr6\t18138997\t.\tC\tT\t.\tPASS\t.\tGT:PS\t0|1:5\t0|1:9\n"
    )
    reading = _read(tmp_path, records, "p1\tp2", assume_reference=ASSUME_ALL)
    calls = [next(c for c in of_sample if c.gene == "TPMT") for of_sample in reading.calls()]
    assert calls[0].call == "*1/*3A"
    assert (calls[1].call, calls[1].candidates) == (None, ("*1/*3A", "*3B/*3C"))


@pytest.mark.parametrize("alternates", ["<*>", "<NON_REF>", "."])
def test_a_reference_block_reads_every_position_in_it(tmp_path: Path, alternates: str) -> None:
    records = f"chr10\t94940000\t.\tN\t{alternates}\t.\t.\tEND=94995000\tGT\t0/0\n"
    reading = read_vcf(_write(tmp_path, _text(records)))
    assert next(c for c in reading.calls()[0] if c.gene == "CYP2C9").candidates[0] == "*1/*1"
    unread = [o for o in reading.genes["CYP2C9"][0] if not o.is_read]
    assert len(unread) == sum(s.position("GRCh38") < 94940000 for s in definitions()["CYP2C9"].sites)


def test_a_block_that_ends_within_a_deletion_has_not_read_it(tmp_path: Path) -> None:
    records = "chr10\t94942200\t.\tN\t<*>\t.\t.\tEND=94942215\tGT\t0/0\n"
    assert not _at(_read(tmp_path, records), "rs1304490498").is_read


def test_a_position_between_two_blocks_is_not_read(tmp_path: Path) -> None:
    records = (
        "chr10\t94942200\t.\tN\t<*>\t.\t.\tEND=94942289\tGT\t0/0\n"
        "chr10\t94942291\t.\tN\t<*>\t.\t.\tEND=94942400\tGT\t0/0\n"
    )
    assert _at(_read(tmp_path, records), "rs1799853") == UNREAD


def test_split_alternates_are_put_together(tmp_path: Path) -> None:
    records = (
        "chr2\t233760233\t.\tC\tCAT\t.\tPASS\t.\tGT\t1/0\n"
        "chr2\t233760233\t.\tCAT\tC\t.\tPASS\t.\tGT\t0/0\n"
        "chr2\t233760233\t.\tC\tCATAT\t.\tPASS\t.\tGT\t0/1\n"
    )
    seen = _at(_read(tmp_path, records), "rs34983651")
    assert {seen.first, seen.second} == {"2-233760233-C-CAT", "2-233760233-C-CATAT"}


def test_records_that_contradict_one_another_say_nothing(tmp_path: Path) -> None:
    records = RECORDS.replace("0/1", "1/1") + RECORDS.replace("\tT\t", "\tG\t").replace("0/1", "1/1")
    reading = _read(tmp_path, records, assume_reference=ASSUME_ALL)
    assert _at(reading, "rs1799853") == UNREAD
    assert reading.refused["records that contradict one another"] == 1


@pytest.mark.parametrize(
    "record",
    [
        "chr10\t94942205\t.\tCAATGGAAAGA\tC",
        "chr10\t94942210\t.\tGAAAGAAATGG\tG",
        "chr10\t94942205\t.\tCAATGGAAAGAAATGG\tCAATGG",
    ],
)
def test_one_deletion_may_be_aligned_in_several_ways(tmp_path: Path, record: str) -> None:
    reading = _read(tmp_path, f"{record}\t.\tPASS\t.\tGT\t0/1\n")
    assert _at(reading, "rs1304490498") == Observation(REFERENCE, "10-94942210-GAAAGAAATGG-G")


def test_a_multi_base_substitution_is_read_letter_by_letter(tmp_path: Path) -> None:
    reading = _read(
        tmp_path, "chr19\t40991387\t.\tGACCG\tGGCAC\t.\tPASS\t.\tGT\t0|1\n", assume_reference=ASSUME_ALL
    )
    assert next(c for c in reading.calls()[0] if c.gene == "CYP2B6").candidates == ()
    with_first = "chr19\t40991381\t.\tA\tT\t.\tPASS\t.\tGT\t0|1\n"
    reading = _read(
        tmp_path,
        with_first + "chr19\t40991387\t.\tGACCG\tGGCAC\t.\tPASS\t.\tGT\t0|1\n",
        assume_reference=ASSUME_ALL,
    )
    assert next(c for c in reading.calls()[0] if c.gene == "CYP2B6").call == "*1/*17"


@pytest.mark.parametrize("alternate", ["G", "<DEL>", "*", "G,<*>"])
def test_another_letter_is_not_the_reference(tmp_path: Path, alternate: str) -> None:
    seen = _at(_read(tmp_path, f"chr10\t94942290\t.\tC\t{alternate}\t.\tPASS\t.\tGT\t0/1\n"), "rs1799853")
    assert seen in (Observation(REFERENCE, OTHER), UNREAD)


# What is not used, and never taken for the reference instead


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (RECORDS.replace("PASS", "LowQual"), "FILTER"),
        (RECORDS.replace("0/1", "./."), "no genotype"),
        (RECORDS.replace("GT\t0/1", "GT:AD\t0/1:91,0"), "the read depths (AD) contradict the genotype"),
        (RECORDS.replace("GT\t0/1", "GT:AD\t0/1:0,91"), "the read depths (AD) contradict the genotype"),
        (RECORDS.replace("\tC\tT", "\tA\tT"), "the REF letter is not the build's"),
        ("chr10\t94942288\t.\tACC\tA\t.\tPASS\t.\tGT\t0/1\n", "an insertion or deletion in the way"),
    ],
)
def test_a_genotype_that_is_not_used_is_not_replaced(tmp_path: Path, records: str, reason: str) -> None:
    reading = _read(tmp_path, records, assume_reference=ASSUME_ALL)
    assert _at(reading, "rs1799853") == UNREAD
    assert reading.refused[reason] >= 1
    assert any(reason in name for name in reading.imported().unread)


def test_an_accepted_filter_is_used(tmp_path: Path) -> None:
    reading = _read(tmp_path, RECORDS.replace("PASS", "LowQual"), accept_filters=["LowQual"])
    assert _at(reading, "rs1799853").is_read


def test_an_unknown_indel_close_by_leaves_the_site_in_doubt(tmp_path: Path) -> None:
    records = "chr1\t97740425\t.\tGATGA\tG\t.\tPASS\t.\tGT\t0/1\t0/0\n"
    reading = _read(tmp_path, records, "p1\tp2", assume_reference=ASSUME_ALL)
    assert _at(reading, "rs72549309", 0) == UNREAD
    assert _at(reading, "rs72549309", 1).assumed


def test_the_reference_is_assumed_only_where_asked_and_is_the_builds_own(tmp_path: Path) -> None:
    nothing = _read(tmp_path, RECORDS)
    assert _at(nothing, "rs3758581") == UNREAD
    told = _read(tmp_path, RECORDS, assume_reference=["rs3758581"])
    assert _at(told, "rs3758581") == Observation(REFERENCE, REFERENCE, None, True)
    assert _at(told, "rs4244285") == UNREAD
    text = _text("chr10\t96702047\t.\tC\tT\t.\tPASS\t.\tGT\t0/1\n", head=_contigs("GRCh37"))
    older = read_vcf(_write(tmp_path, text), assume_reference=ASSUME_ALL)
    assert _at(older, "rs3758581").first == "10-94842866-A-G"
    assert next(c for c in older.calls()[0] if c.gene == "CYP2C19").call == "*1/*1"
    assert next(c for c in older.calls()[0] if c.gene == "CYP3A5").call == "*3/*3"


# Laws


def _record(site: Site, build: str, states: list[tuple[str, str]], prefix: str) -> str:
    """One record of a site on a build, with the states of each sample."""
    index = BUILDS.index(build)
    longest = max((c.references[index] for c in site.changes), key=len)
    letters = {name: longest for name in {REFERENCE} if site.reference_state(build) == REFERENCE}
    if site.reference_state(build) != REFERENCE:
        letters = {site.reference_state(build): longest, REFERENCE: site.reference_letter("GRCh38")}
    for found in site.changes:
        letters.setdefault(found.name, _applied(found, longest, index))
    order = [longest, *dict.fromkeys(text for text in letters.values() if text != longest)]
    numbers = {name: order.index(text) for name, text in letters.items()}
    genotypes = "\t".join(f"{numbers[a]}/{numbers[b]}" for a, b in states)
    fields = (
        prefix + site.chromosome,
        site.position(build),
        ".",
        longest,
        ",".join(order[1:]),
        ".",
        "PASS",
        ".",
    )
    return "\t".join(map(str, fields)) + f"\tGT\t{genotypes}\n"


def _applied(found: Change, longest: str, index: int) -> str:
    return found.alternate + longest[len(found.references[index]) :]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_both_builds_tell_the_same_of_the_same_chromosomes(tmp_path: Path, data: st.DataObject) -> None:
    gene = data.draw(st.sampled_from(sorted(definitions())))
    sites = [s for s in definitions()[gene].sites if s.is_substitution or len(s.changes) == 1]
    states = {
        site: [tuple(data.draw(st.sampled_from([REFERENCE, *(c.name for c in site.changes)])) for _ in "ab")]
        for site in sites
    }
    readings = []
    for build, prefix in (("GRCh38", "chr"), ("GRCh37", "")):
        ordered = sorted(sites, key=lambda site: site.position(build))
        records = "".join(_record(site, build, states[site], prefix) for site in ordered)
        text = _text(records, head=_contigs(build, prefix))
        readings.append(read_vcf(_write(tmp_path, text), genes=[gene]))
    assert [r.build for r in readings] == ["GRCh38", "GRCh37"]
    seen = [{frozenset((o.first, o.second)) for o in r.genes[gene][0]} for r in readings]
    assert seen[0] == seen[1]
    assert readings[0].calls() == readings[1].calls()


def test_samples_are_patients_in_their_order_and_do_not_mix(tmp_path: Path) -> None:
    site = snp_sites()["rs9923231"]
    states = [(REFERENCE, REFERENCE), (REFERENCE, site.changes[0].name), (site.changes[0].name,) * 2]
    records = _record(site, "GRCh38", states, "chr")
    imported = _read(tmp_path, records, "001\tx\tb").imported()
    assert imported.cohort.patient_ids == ("001", "x", "b")
    assert imported.cohort.calls("rs9923231").tolist() == ["C/C", "C/T", "T/T"]
    assert imported.cohort.calls("VKORC1").tolist() == [
        "Reference/Reference",
        "Reference/rs9923231",
        "rs9923231/rs9923231",
    ]
    assert imported.unread["genotypes/CYP2C9: no site of the gene was read"] == 3


# Builds


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (_contigs("GRCh37"), "GRCh37"),
        ('##contig=<ID=chr10,assembly=GRCh38.p13,species="Homo sapiens">\n', "GRCh38"),
        ("##reference=file:///ref/human_g1k_v37.fasta\n##contig=<ID=10>\n", "GRCh37"),
        ("##reference=hg38\n", "GRCh38"),
    ],
)
def test_the_build_is_told_by_the_head(tmp_path: Path, head: str, expected: str) -> None:
    path = _write(tmp_path, _text("chr10\t5\t.\tA\tG\t.\tPASS\t.\tGT\t0/0\n", head=head))
    assert read_vcf(path).build == expected


@pytest.mark.parametrize(
    ("head", "declared", "said"),
    [
        ("", None, "declare it"),
        ("", "hg99", "declare one of GRCh37, GRCh38"),
        (_contigs("GRCh37"), "GRCh38", "disagree"),
        (_contigs("GRCh37") + "##reference=hg38\n", None, "disagree"),
        ("##contig=<ID=chr1,length=248387328>\n", None, "neither GRCh37 nor GRCh38"),
    ],
)
def test_a_build_that_is_untold_or_contradicted_is_asked_for(
    tmp_path: Path, head: str, declared: str | None, said: str
) -> None:
    assert said in _fault(_write(tmp_path, _text(RECORDS, head=head)), build=declared)


def test_a_declared_build_is_taken_where_the_head_is_silent(tmp_path: Path) -> None:
    assert read_vcf(_write(tmp_path, _text(RECORDS, head="")), build="GRCh38").build == "GRCh38"


def test_a_wrong_build_is_found_by_its_letters(tmp_path: Path) -> None:
    sites = [s for s in definitions()["DPYD"].sites if s.is_substitution][:12]
    text = "".join(
        _record(s, "GRCh38", [(REFERENCE, REFERENCE)], "chr").replace("\tPASS", "\tPASS") for s in sites
    )
    wrong = (
        text.replace("\tC\tT\t", "\tG\tT\t").replace("\tG\tA\t", "\tT\tA\t").replace("\tT\tC\t", "\tA\tC\t")
    )
    assert "REF letter is not that of GRCh38" in _fault(_write(tmp_path, _text(wrong)))


# Whole or refused


def _many() -> list[str]:
    before = "".join(f"chr10\t{i}\t.\tA\tG\t.\tPASS\t.\tGT\t0/0\n" for i in range(1000, 6000))
    after = "".join(f"chr16\t{i}\t.\tA\tG\t.\tPASS\t.\tGT\t0/0\n" for i in range(50_000_000, 50_005_000))
    return [_text(""), before, "chr16\t31096368\t.\tC\tT\t.\tPASS\t.\tGT\t0/1\n", after]


def _indexed(folder: Path) -> tuple[Path, list[int]]:
    path, starts = _bgzip(folder, _many())
    chunks = [("chr10", 1000, 1, 2), ("chr16", 31096368, 2, 3), ("chr16", 50_000_000, 3, 4)]
    _tabix(path, [(contig, base, starts[a], starts[b]) for contig, base, a, b in chunks])
    return path, starts


def test_with_and_without_an_index_the_same_is_read(tmp_path: Path) -> None:
    path, _ = _indexed(tmp_path)
    by_index = read_vcf(path)
    path.with_name(path.name + ".tbi").unlink()
    assert read_vcf(path) == by_index
    assert by_index.genotype_rows() == [(0, "VKORC1", "Reference/rs9923231"), (0, "rs9923231", "C/T")]


def _damage(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at + 30 : at + 33] = b"\xff\xff\xff"
    path.write_bytes(raw)
    for index in path.parent.glob("*.tbi"):
        os.utime(index)


@pytest.mark.parametrize("part", [1, 3])
def test_with_an_index_what_is_not_needed_is_not_unpacked(tmp_path: Path, part: int) -> None:
    path, starts = _indexed(tmp_path)
    _damage(path, starts[part])
    assert len(read_vcf(path).genotype_rows()) == 2
    path.with_name(path.name + ".tbi").unlink()
    assert "is damaged" in _fault(path)


@pytest.mark.parametrize("part", [0, 2])
def test_a_damaged_block_that_is_needed_is_refused(tmp_path: Path, part: int) -> None:
    path, starts = _indexed(tmp_path)
    _damage(path, starts[part])
    assert "is damaged" in _fault(path)


def test_an_index_that_is_damaged_or_older_is_not_trusted(tmp_path: Path) -> None:
    path, _ = _indexed(tmp_path)
    index = path.with_name(path.name + ".tbi")
    whole = index.read_bytes()
    index.write_bytes(_block(b"TBI\1\xff\xff\xff\x7f") + END_BLOCK)
    assert "cannot be read" in _fault(path)
    index.write_bytes(whole)
    os.utime(index, (1, 1))
    assert len(read_vcf(path).genotype_rows()) == 2


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, indexed: bool, share: float) -> None:
    path, _ = _indexed(tmp_path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    index = path.with_name(path.name + ".tbi")
    os.utime(index)
    if not indexed:
        index.unlink()
    assert "cut off" in _fault(path)


@pytest.mark.parametrize("indexed", [True, False])
def test_a_missing_end_block_is_a_file_that_was_cut_off(tmp_path: Path, indexed: bool) -> None:
    path, starts = _indexed(tmp_path)
    path.write_bytes(path.read_bytes()[: starts[-1]])
    index = path.with_name(path.name + ".tbi")
    os.utime(index)
    if not indexed:
        index.unlink()
    assert "end block is missing" in _fault(path)


def test_plain_gzip_cannot_be_told_whole(tmp_path: Path) -> None:
    worker = zlib.compressobj(wbits=31)
    path = tmp_path / "a.vcf.gz"
    path.write_bytes(worker.compress(_text(RECORDS).encode()) + worker.flush())
    assert "bgzip" in _fault(path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda t: t[:-3], "cut off"),
        (lambda t: t[:-12], "cut off"),
        (lambda t: t.replace("\tPASS\t.", "\tPASS", 1), "line 16"),
        (lambda t: t.replace("0/1\n", "0/1\t0/1\n"), "another width"),
        (lambda t: t.replace("0/1", "0/7"), "an allele that the record does not have"),
        (lambda t: t.replace("0/1", "0/1\0"), "NUL"),
        (lambda t: t.replace("##fileformat=VCFv4.2", "##something"), "##fileformat"),
        (lambda t: t.replace("#CHROM", "CHROM"), "no line of column names"),
        (lambda t: t.replace("\tFORMAT\tp1", ""), "not the columns of a VCF with samples"),
        (lambda t: t.replace("\tp1", "\tp1\tp1").replace("0/1", "0/1\t0/0"), "1 sample names are repeated"),
        (lambda t: t.replace("\tp1\n", "\t \n"), "a sample's name is empty"),
        (lambda t: t.replace("\tp1\n", "\t" + "x" * 500 + "\n"), "over-long"),
        (lambda t: t.replace("chr10\t", "chromosome10\t"), "name them as '1' or 'chr1'"),
        (lambda t: t.replace("94942290", "here"), "cannot be read"),
        (lambda t: "", "no line of column names"),
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path: Path, spoil, said: str) -> None:
    text = spoil(_text(RECORDS))
    assert said in _fault(_write(tmp_path, text))
    if text:
        assert said in _fault(_bgzip(tmp_path, [text])[0])


def test_a_last_line_without_its_end_is_read_when_it_is_complete(tmp_path: Path) -> None:
    assert _at(read_vcf(_write(tmp_path, _text(RECORDS).rstrip("\n"))), "rs1799853").is_read


def test_a_head_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.vcf"
    path.write_bytes(_text(RECORDS, samples="Müller").encode("latin-1"))
    assert "UTF-8" in _fault(path)


def test_a_line_without_end_is_refused_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vcf_header, "LONGEST_LINE", 500_000)
    path, _ = _bgzip(tmp_path, [_text(""), "chr10\t" + "A" * 3_000_000])
    assert path.stat().st_size < 20_000
    assert "longer than 500,000 bytes" in _fault(path)


def test_a_bomb_is_refused_before_it_is_unpacked_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vcf_header, "MOST_TEXT", 1_000_000)
    path, _ = _bgzip(tmp_path, [_text(RECORDS * 100_000)])
    assert "index it with tabix" in _fault(path)


def test_a_block_that_claims_to_be_small_is_refused(tmp_path: Path) -> None:
    path, starts = _bgzip(tmp_path, [_text(""), "A" * 50_000])
    raw = bytearray(path.read_bytes())
    raw[starts[2] - 4 : starts[2]] = struct.pack("<I", 10)
    path.write_bytes(raw)
    assert "is damaged" in _fault(path)


@pytest.mark.parametrize("name", ["none.vcf", "a##idx##b.vcf"])
def test_paths_that_are_no_plain_file_are_refused(tmp_path: Path, name: str) -> None:
    if "idx" in name:
        _write(tmp_path, _text(RECORDS), name)
    _fault(tmp_path / name)
    folder = tmp_path / "folder.vcf"
    folder.mkdir()
    _fault(folder)


def test_no_value_of_a_patient_is_repeated_in_an_error(tmp_path: Path) -> None:
    text = _text(RECORDS.replace("0/1", "0/9"), samples="SECRET")
    assert "SECRET" not in _fault(_write(tmp_path, text))

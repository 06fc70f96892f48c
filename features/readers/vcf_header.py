"""What a VCF's head says: its samples, its chromosomes, and on which build its positions count."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from features.errors import CohortError, Fault
from features.knowledge.definitions import BUILDS

LONGEST_LINE = 16_000_000
MOST_TEXT = 64_000_000_000
_MOST_HEADER = 64_000_000
_FIXED = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_LONGEST_ID = 200
_CHUNK = 1 << 20

LENGTHS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "1": (249250621, 248956422),
        "2": (243199373, 242193529),
        "6": (171115067, 170805979),
        "7": (159138663, 159345973),
        "10": (135534747, 133797422),
        "12": (133851895, 133275309),
        "13": (115169878, 114364328),
        "16": (90354753, 90338345),
        "19": (59128983, 58617616),
    }
)
"""Bases of the chromosomes that are read here, on GRCh37 and GRCh38 (Genome Reference Consortium)."""

CHROMOSOMES = frozenset([*map(str, range(1, 23)), "X", "Y", "M", "MT"])
"""Chromosomes as both ways of naming spell them, without `chr`."""

_NAMES = (
    re.compile(r"grch37|hg19|\bb37\b|hs37d5|g1k_v37", re.IGNORECASE),
    re.compile(r"grch38|hg38|\bb38\b", re.IGNORECASE),
)


@dataclass(frozen=True)
class VcfHeader:
    """The samples in their order, lengths and other words on the contigs, and each FORMAT field's Number."""

    file: str
    samples: tuple[str, ...]
    lengths: Mapping[str, int]
    words: tuple[str, ...]
    numbers: Mapping[str, str]

    def build(self, declared: str | None) -> str:
        """The build that the lengths and names tell, or, where they are silent, the one that was declared."""
        if declared is not None and declared not in BUILDS:
            raise _refusal(
                self.file, "the declared build is not known", f"declare one of {', '.join(BUILDS)}"
            )
        told = self._by_lengths() | self._by_words()
        if len(told | {declared} - {None}) > 1:
            what = "its contig lengths, its reference's name and the declared build disagree"
            raise _refusal(self.file, what, "find out which build it was aligned to")
        if not told and declared is None:
            what = "neither contig lengths nor a name tell the build of the genome"
            raise _refusal(self.file, what, f"declare it: one of {', '.join(BUILDS)}")
        return declared if declared is not None else told.pop()

    def _by_lengths(self) -> set[str]:
        found = set()
        for contig, length in self.lengths.items():
            expected = LENGTHS.get(chromosome(contig))
            if expected is None:
                continue
            if length not in expected:
                what = f"contig '{contig[:32]}' has the length of neither {' nor '.join(BUILDS)}"
                raise _refusal(self.file, what, "lift it over to one of them first")
            found.add(BUILDS[expected.index(length)])
        return found

    def _by_words(self) -> set[str]:
        return {
            build
            for build, pattern in zip(BUILDS, _NAMES, strict=True)
            if any(pattern.search(word) for word in self.words)
        }


def chromosome(contig: str) -> str:
    """A contig's chromosome without `chr`."""
    return contig[3:] if contig[:3].lower() == "chr" else contig


def parse_header(path: Path, lines: Iterable[bytes]) -> VcfHeader:
    """The head of a VCF, up to and with its line of column names."""
    lengths: dict[str, int] = {}
    words: list[str] = []
    numbers: dict[str, str] = {}
    for number, raw in enumerate(lines, start=1):
        line = _decoded(path, number, raw)
        if number == 1 and not line.startswith("##fileformat=VCF"):
            raise _refusal(path.name, "the first line is not '##fileformat=VCF...'", "give a VCF")
        if line.startswith("#CHROM"):
            return VcfHeader(path.name, _samples(path, number, line), lengths, tuple(words), numbers)
        if line.startswith(("##contig=", "##reference=")):
            words.append(line)
            found = re.search(r"[<,]ID=([^,>]+).*[<,]length=(\d{1,12})\b", line)
            if found:
                lengths[found[1]] = int(found[2])
        elif line.startswith("##FORMAT=") and (found := re.search(r"[<,]ID=([^,>]+),Number=([^,>]+)", line)):
            numbers[found[1]] = found[2]
        elif not line.startswith("##"):
            break
    raise _refusal(path.name, "no line of column names ('#CHROM')", "check that the file is whole")


def scan(path: Path, text: Iterable[bytes]) -> tuple[VcfHeader, int]:
    """The head, and how many records follow; every line is looked at, none is kept.

    Refused: an embedded NUL, an over-long line, a row of another width, a last line that was cut off.
    """
    head: list[bytes] = []
    header: VcfHeader | None = None
    records, width = 0, 0
    for number, line in enumerate(_lines(path, text), start=1):
        if header is None:
            head.append(line)
            if line.startswith(b"#CHROM") or not line.startswith(b"#"):
                header = parse_header(path, head)
                width = line.count(b"\t")
        elif line:
            records += 1
            if line.count(b"\t") != width:
                what = "a row of another width than the column names"
                raise _refusal(f"{path.name} line {number}", what, "check that the file is whole")
    return header if header is not None else parse_header(path, head), records


def chunks(path: Path) -> Iterator[bytes]:
    """A plain file, a piece at a time."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def head_of(path: Path, text: Iterable[bytes]) -> VcfHeader:
    """The head alone."""
    head: list[bytes] = []
    size = 0
    for line in _lines(path, text):
        head.append(line)
        size += len(line)
        if line.startswith(b"#CHROM") or not line.startswith(b"#") or size > _MOST_HEADER:
            break
    return parse_header(path, head)


def _lines(path: Path, text: Iterable[bytes]) -> Iterator[bytes]:
    left, size = b"", 0
    for chunk in text:
        size += len(chunk)
        if b"\0" in chunk:
            raise _refusal(path.name, "it holds a NUL byte", "give a VCF as text, plain or bgzip")
        if size > MOST_TEXT:
            raise _refusal(path.name, f"more than {MOST_TEXT:,} bytes of text", "index it with tabix")
        *whole, left = (left + chunk).split(b"\n")
        if len(left) > LONGEST_LINE:
            what = f"a line is longer than {LONGEST_LINE:,} bytes"
            raise _refusal(path.name, what, "split the samples over files")
        yield from (line.removesuffix(b"\r") for line in whole)
    if left and not _is_whole(left):
        raise _refusal(path.name, "the last line has no end, as in a file that was cut off", "copy it again")
    if left:
        yield left


def _is_whole(last: bytes) -> bool:
    """Whether a last line without its end holds everything all the same: its last genotype is complete."""
    fields = last.split(b"\t")
    if len(fields) < 10:
        return False
    form, genotype = fields[8], fields[-1]
    is_diploid = re.fullmatch(rb"[0-9.]+[/|][0-9.]+", genotype.split(b":")[0]) is not None
    return form.startswith(b"GT") and is_diploid and genotype.count(b":") == form.count(b":")


def _decoded(path: Path, number: int, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        where = f"{path.name} line {number}"
        raise _refusal(where, "the head is not UTF-8 text", "write it as UTF-8") from None


def _samples(path: Path, number: int, line: str) -> tuple[str, ...]:
    columns = line.split("\t")
    where = f"{path.name} line {number}"
    if tuple(columns[:8]) != _FIXED or columns[8:9] != ["FORMAT"] or len(columns) < 10:
        raise _refusal(where, "not the columns of a VCF with samples", "give FORMAT and at least one sample")
    samples = tuple(columns[9:])
    faults = []
    if len(set(samples)) < len(samples):
        repeated = len(samples) - len(set(samples))
        faults.append(Fault(where, f"{repeated} sample names are repeated", "give each sample one name"))
    if not all(name.strip() and len(name) <= _LONGEST_ID and name.isprintable() for name in samples):
        faults.append(Fault(where, "a sample's name is empty, over-long or unprintable", "name every sample"))
    if faults:
        raise CohortError(f"{path.name} cannot be read", faults)
    return samples


def _refusal(where: str, what: str, remedy: str) -> CohortError:
    return CohortError(f"{where.split(' line ')[0]} cannot be read", [Fault(where, what, remedy)])

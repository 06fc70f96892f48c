"""Files that cannot be read: a problem names the part and the remedy, and nothing of the file."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from serving.errors import RequestError
from serving.files import reading
from serving.files.reader import MOST_HELD, FileReader
from serving.settings import Settings
from tests.serving.client import Client
from tests.serving.files.sent import ASSAY, CALLS, MAF, RECORDS, bgzip, block, bundle, form, vcf
from tests.serving.openapi_check import faults_of
from tests.serving.tiny import PATIENT, STUDY

CANARY = "CANARYX9"
ASKED = {"study": STUDY, "patient": {n: p for n, p in PATIENT.items() if n != "genotypes"}}
WITH_ASSAY = {"study": STUDY, "patient": {**ASKED["patient"], "tumour": {"assay": ASSAY}}}
BOMB = block(b"\n" * 60_000)


def _two_patients() -> bytes:
    both = bundle()
    both["entry"] += bundle("patient-8")["entry"]
    return json.dumps(both).encode()


def _invalid() -> bytes:
    one = bundle()
    one["entry"][1]["resource"] |= {CANARY: 1, "status": CANARY}
    return json.dumps(one).encode()


REFUSED: list[tuple[str, dict, bytes, str]] = [
    ("vcf", ASKED, vcf(samples="a\tb", records=RECORDS.replace("0/1\n", "0/1\t0/0\n")), "2 samples"),
    ("vcf", ASKED, bgzip(vcf())[:-28], "end block is missing"),
    ("vcf", ASKED, bgzip(vcf())[:-40], "cut off"),
    ("vcf", ASKED, vcf()[:-9], "cut off"),
    ("vcf", ASKED, b"", "fileformat|column names"),
    ("vcf", ASKED, b"\x1f\x8b" + bytes(50), "BGZF"),
    ("vcf", ASKED, bgzip(vcf())[:16] + bytes(2) + bgzip(vcf())[18:], "damaged"),
    ("vcf", ASKED, vcf().replace(b"chr10\t", b"chr1\xff\t"), "UTF-8"),
    ("vcf", ASKED, os.urandom(5000), "NUL|fileformat|UTF-8"),
    ("vcf", ASKED, vcf().replace(b"length=133797422", b"length=133797421"), "length of neither"),
    ("vcf", ASKED, vcf().replace(b"chr10,", b"chr10,assembly=hg19,"), "disagree"),
    ("vcf", ASKED, vcf(f"chr10\t94981296\t{CANARY}\tA\tC\t.\tPASS\t.\tGT\t0/7\n"), "allele"),
    ("maf", WITH_ASSAY, MAF.replace("TP53", CANARY).encode(), "assay does not read"),
    ("maf", WITH_ASSAY, MAF.replace("Missense_Mutation", CANARY).encode(), "consequence"),
    ("maf", WITH_ASSAY, (MAF + MAF.splitlines()[1].replace("S-1", "S-2") + "\n").encode(), "2 samples"),
    ("maf", WITH_ASSAY, MAF.replace("31\t69", f"31\t{CANARY}").encode(), "number"),
    ("maf", WITH_ASSAY, MAF.replace("Hugo_Symbol", CANARY).encode(), "no column holds"),
    ("maf", ASKED, MAF.encode(), "assay"),
    ("panel", WITH_ASSAY, CALLS.replace("c.524G>A_p.R175H(", f"{CANARY}(").encode(), "spelling"),
    ("panel", WITH_ASSAY, b"\x89HDF\r\n\x1a\n" + bytes(30), "HDF5"),
    ("bundle", {"study": STUDY}, _two_patients(), "2 patients"),
    ("bundle", {"study": STUDY}, _invalid(), "not valid in FHIR"),
    ("bundle", {"study": STUDY}, b'{"resourceType": "Bundle", "entry": []}', "0 patients"),
    ("bundle", {"study": STUDY}, b"[" * 100_000, "nested|JSON"),
    ("bundle", {"study": STUDY}, b'{"a": 1, "a": 2}', "repeated"),
    ("bundle", ASKED, json.dumps(bundle()).encode(), "another part"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "asked", "file", "said"), REFUSED)
def test_a_bad_file_is_refused_by_its_part(
    client: Client, part: str, asked: dict, file: bytes, said: str
) -> None:
    response = form(client, asked, **{part: file})
    assert response.status_code == 422, response.text
    assert not faults_of(response, "/v1/predict", "post")
    faults = response.json()["faults"]
    assert all(fault["pointer"].startswith(part) for fault in faults)
    assert any(re.search(said, fault["what"] + fault["remedy"]) for fault in faults), faults
    assert all(fault["remedy"] for fault in faults)
    for secret in (CANARY, "patient-7", "patient-8", "S-1", "S-2"):
        assert secret not in response.text


def test_all_faults_of_all_files_are_told_together(client: Client) -> None:
    response = form(client, ASKED, vcf=b"no", bundle=b"no", maf=MAF.encode())
    assert {f["pointer"].split()[0] for f in response.json()["faults"]} == {"vcf", "bundle", "maf"}


def test_a_fact_sent_twice_is_a_fault(client: Client) -> None:
    response = form(client, {"study": STUDY, "patient": PATIENT}, vcf=vcf())
    assert response.status_code == 422
    assert response.json()["faults"][0]["what"] == "1 of its genotypes stand in another part too"


X = "multipart/form-data; boundary=x"
HEAD = b'--x\r\nContent-Disposition: form-data; name="'


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"--x\r\n", X, 400), (b"", X, 400), (b"hello", X, 400), (b"hello", "multipart/form-data", 400),
        (HEAD + b'request"\r\n\r\n{}', X, 400), (HEAD + b'request"\r\n\r\n{}\r\n--x--', X, 422),
        (HEAD + b"q" * 90_000 + b'"\r\n\r\n\r\n--x--', X, 400), (b"--x\r\n\r\n\r\n" * 60 + b"--x--", X, 400),
        (b"{", "multipart/mixed; boundary=x", 415), (b"{", "application/fhir+json", 422),
    ],
)  # fmt: skip
def test_what_is_no_form_is_refused(client: Client, content: bytes, media: str, status: int) -> None:
    response = client.post(content, media)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [
        ({"vcf": vcf(), "sample": "x"}, ""), ({"vcf": vcf(), "build": "hg19"}, "build"),
        ({"vcf": vcf(), "index": "yesterday"}, "index"),
        ({"vcf": vcf(), "assume_reference": "1"}, "assume_reference"),
        ({"maf": MAF.encode(), "panel": CALLS.encode()}, "panel"), ({}, ""),
    ],
)  # fmt: skip
def test_strange_parts_are_refused_by_name(client: Client, parts: dict, pointer: str) -> None:
    response = form(client, ASKED, **parts)
    assert response.status_code == 422
    assert [fault["pointer"] for fault in response.json()["faults"]] == [pointer]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("study=tiny&study=tiny", "/study"), ("study=tiny&sex=1", ""), ("study=tiny&level=high", "/level"),
        ("study=tiny&explain=all", "/explain"),
        ("study=tiny&level=nan", "/level"), ("&".join(["options=a"] * 2001), ""), ("", "/study"),
        ("study=tiny&options=a", ""),
    ],
)  # fmt: skip
def test_a_bundles_query_is_checked(client: Client, query: str, pointer: str) -> None:
    headers = {"content-type": "application/fhir+json"}
    body = json.dumps(bundle())
    response = client.request("POST", f"/v1/predict?{query}", content=body, headers=headers)
    assert response.status_code == 422
    assert pointer in [fault["pointer"] for fault in response.json()["faults"]]


def test_a_bundle_of_an_unknown_study_is_404(client: Client) -> None:
    headers = {"content-type": "application/fhir+json"}
    body = json.dumps(bundle())
    assert client.request("POST", "/v1/predict?study=no", content=body, headers=headers).status_code == 404


@pytest.mark.slow
def test_a_bomb_is_refused_before_it_is_unpacked(client: Client) -> None:
    n = reading.MOST_TEXT // 60_000 + 1
    began = time.monotonic()
    response = form(client, ASKED, vcf=BOMB * n + bgzip(b"")[-28:])
    assert response.status_code == 422
    assert "unpacked" in response.json()["faults"][0]["what"]
    assert time.monotonic() - began < client.settings.file_deadline_s


@pytest.mark.slow
def test_files_may_be_larger_than_json_but_not_without_end(start: Callable[..., Client]) -> None:
    small = start(body_limit_bytes=10_000, file_limit_bytes=50_000)
    padded = vcf().replace(b"##FILTER", b"##note=" + b"x" * 20_000 + b"\n##FILTER", 1)
    assert form(small, ASKED, vcf=padded).status_code == 200
    assert form(small, ASKED, vcf=padded * 3).status_code == 413
    assert form(small, ASKED, path="/v1/batch", vcf=padded).status_code == 415
    assert small.predict(PATIENT | {"patient_id": "x" * 20_000}).status_code == 413


def test_files_that_take_too_long_are_refused_and_the_next_are_read(start: Callable[..., Client]) -> None:
    before = _readers()
    slow = start(file_deadline_s=0.01)
    refused = form(slow, ASKED, vcf=vcf())
    assert refused.status_code == 422
    assert "within 0.01 seconds" in refused.json()["faults"][0]["what"]
    assert slow.predict().status_code == 200
    assert _readers() == before


def _readers() -> set[psutil.Process]:
    """The readers that this process started."""
    children = psutil.Process().children()
    return {one for one in children if "serving.files.reader_process" in " ".join(one.cmdline())}


@pytest.mark.slow
def test_a_reader_that_dies_is_replaced(home: Path) -> None:
    asked = json.dumps({"study": STUDY}).encode()
    body = b'--x\r\nContent-Disposition: form-data; name="request"\r\n\r\n' + asked
    body += b'\r\n--x\r\nContent-Disposition: form-data; name="vcf"\r\n\r\n' + vcf() + b"\r\n--x--\r\n"

    before = _readers()

    async def read() -> bytes:
        return body

    async def run() -> list[bytes]:
        reader, media = FileReader(Settings(home=home)), X.encode()
        found = [await reader.request(media, b"", read)]
        (process,) = _readers() - before
        process.send_signal(signal.SIGSTOP)
        asking = asyncio.create_task(reader.request(media, b"", read))
        await asyncio.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        with pytest.raises(RequestError, match="fault in the files"):
            await asking
        found.append(await reader.request(media, b"", read))
        await reader.close()
        return found

    first, again = asyncio.run(run())
    assert first == again
    assert _readers() == before


@pytest.mark.slow
def test_a_file_that_crashes_htslib_is_refused_and_the_next_is_read(client: Client) -> None:
    both = vcf(RECORDS.replace("0/1", '"x"/1', 1)).replace(b"##contig=<ID=chr10,", b"##note=<ID=chr10,")
    crashing = form(client, ASKED, vcf=both)
    assert crashing.status_code == 422
    assert crashing.json()["faults"][0]["what"] == "the files cannot be read"
    assert form(client, ASKED, vcf=vcf()).status_code == 200


@pytest.mark.slow
def test_nothing_of_a_file_is_left_behind(home: Path) -> None:
    def folders() -> set[str]:
        return {p.name for place in ("/dev/shm", "/tmp") for p in Path(place).glob("rxplain-files-*")}

    before = folders()
    with Client(Settings(home=home)) as started:
        assert form(started, ASKED, vcf=vcf()).status_code == 200
        (new,) = folders() - before
        place = next(p for p in (Path("/dev/shm") / new, Path("/tmp") / new) if p.exists())
        assert not list(place.iterdir())
        assert place.stat().st_mode & 0o777 == 0o700
    assert folders() == before


def test_files_are_answered_in_turn_and_too_many_are_refused_unread(client: Client) -> None:
    async def many() -> list[int]:
        files = {"vcf": ("a", vcf()), "request": (None, json.dumps(ASKED))}
        sent = [client.http.post("/v1/predict", files=files) for _ in range(MOST_HELD + 3)]
        plain = [client.http.post("/v1/predict", json={"study": STUDY, "patient": PATIENT}) for _ in range(6)]
        return [one.status_code for one in await asyncio.gather(*sent, *plain)]

    told = client.run(many())
    assert sorted(told[:-6]) == [200] * MOST_HELD + [503] * 3
    assert told[-6:] == [200] * 6
    assert form(client, ASKED, vcf=vcf()).status_code == 200


@pytest.mark.parametrize("where", ["/v1/predict?level=0.5", "/v1/rank?options=warfarin", "/v1/explain?x="])
def test_a_query_beside_json_is_refused_and_not_passed_over(client: Client, where: str) -> None:
    refused = client.request("POST", where, json={"study": STUDY, "patient": PATIENT})
    assert refused.status_code == 422
    assert refused.json()["faults"][0]["remedy"] == "say it in the body"

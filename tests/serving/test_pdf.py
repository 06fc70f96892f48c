"""An answer on paper: the same numbers, who signed it, and a line that proves its row."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from pypdf import PdfReader

from serving.review.pdf import pdf_of
from serving.review.signing_view import SigningView
from serving.settings import Settings
from serving.store.chain import Head
from serving.store.store import Store
from tests.serving.client import Client
from tests.serving.tiny import PATIENT, copy_home
from tests.serving.tiny_sets import ARMS, GENES, QUESTION, patient


def _text(paper: bytes) -> str:
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(paper)).pages]
    return re.sub(r"\s+", " ", " ".join(pages))


def _paper(client: Client, prediction_id: str) -> bytes:
    response = client.get(f"/review/{prediction_id}/pdf")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/pdf"
    assert response.headers["content-disposition"] == f'attachment; filename="rxplain-{prediction_id}.pdf"'
    return response.content


def test_the_answer_stands_on_it_with_its_interval_and_its_verdicts(client: Client) -> None:
    answer = client.predict().json()
    verdict = {"verdict": "disagree", "comment": "INR was 4 \u2265 3.5, <b>see</b> chart"}
    client.request("POST", f"/v1/predictions/{answer['id']}/verdicts", json=verdict)
    text = _text(_paper(client, answer["id"]))
    lower, upper = (f"{round(answer['interval'][end], 1):g}" for end in ("lower", "upper"))
    assert f"{round(answer['value'], 1):g} mg a week" in text
    assert f"{lower} to {upper} mg a week, the 90% prediction interval" in text
    assert f"Patient {answer['patient_id']}" in text
    assert "INR was 4 \u2265 3.5, <b>see</b> chart" in text
    assert answer["basis"]["bundle_digest"] in text
    assert answer["advice"] in text


def test_a_ranking_has_a_row_for_each_option(client: Client, kinds: Client) -> None:
    ranking = kinds.rank(QUESTION, patient(GENES[:4], arm=ARMS[1])).json()
    text = _text(_paper(kinds, ranking["id"]))
    for row in ranking["ranked"]:
        assert f"{row['place']} {row['option']} {100 * row['value']:.0f}%" in text


def test_the_line_at_its_foot_is_held_against_the_record(shelf_home: Path, tmp_path: Path) -> None:
    settings = Settings(home=copy_home(shelf_home, tmp_path / "home"))
    with Client(settings) as client:
        answers = [client.predict().json() for _ in range(3)]
        papers = [_paper(client, answer["id"]) for answer in answers]
    store = Store.open(settings)
    for i, paper in enumerate(papers):
        found = re.search(r"rxplain log verify --head (\d+:[0-9a-f]{64})", _text(paper))
        assert found is not None
        head = Head.read(found[1])
        assert head.n == i + 1
        assert store.verify(head).broken is None
        assert store.verify(Head(head.n, b"x" * 32)).why
    store.close()


def test_the_same_record_gives_the_same_bytes(client: Client) -> None:
    answer = client.predict().json()
    assert _paper(client, answer["id"]) == _paper(client, answer["id"])


@pytest.mark.parametrize(
    "name", ["\u60a3\u8005-7", "(a\\)b", "<script>x</script>", "\U0001f9ec" * 40, "x" * 128]
)
def test_any_name_can_be_printed(client: Client, name: str) -> None:
    answer = client.predict({**PATIENT, "patient_id": name}).json()
    assert answer["id"] in _text(_paper(client, answer["id"]))


def test_without_its_bundle_the_paper_tells_what_the_record_tells(client: Client) -> None:
    answer = client.predict().json()
    store = Store.open(client.settings)
    record, place = (
        store.predictions.find(answer["id"], "local"),
        store.predictions.place(answer["id"], "local"),
    )
    store.close()
    assert record is not None
    assert place is not None
    text = _text(pdf_of(record, None, SigningView.of(()), place))
    assert f"{round(answer['value'], 1):g} mg a week" in text
    assert "The model" not in text
    assert json.loads(record.answer) == answer


def test_an_answer_that_nobody_got_has_no_paper(client: Client) -> None:
    assert client.get(f"/review/{'0' * 32}/pdf").status_code == 404

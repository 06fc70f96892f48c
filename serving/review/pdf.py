"""A recorded answer with its verdicts as PDF: for a chart, a board's minutes, a regulator's file."""

from __future__ import annotations

import json
from datetime import datetime

from models.bundle import LoadedBundle
from serving.review.card_view import Told
from serving.review.paper import Paper
from serving.review.rank_view import RankView, rank_view
from serving.review.signing_view import SigningView
from serving.review.views import Record, ReviewView, review_view
from serving.review.words import sentence, signed
from serving.store.chain import Head
from serving.store.records import PredictionRecord


def pdf_of(record: PredictionRecord, bundle: LoadedBundle | None, signing: SigningView, place: Head) -> bytes:
    """The answer or ranking on paper; `place` is where its row stands in the record of answers."""
    if "ranked" in json.loads(record.answer):
        return _ranking(rank_view(record, bundle), record, signing, place)
    return _answer(review_view(record, bundle), record, signing, place)


def _answer(view: ReviewView, record: PredictionRecord, signing: SigningView, place: Head) -> bytes:
    title = f"{view.drug}: {view.measure.name}" + (f", under {view.option}" if view.option else "")
    paper = _begun(title, view.record, record, place)
    _headline(paper, view)
    _told(paper, "Notices", [text for _, text in view.notices])
    if view.band is not None:
        paper.heading(f"Beside the {view.band.n:,} patients trained on")
        paper.pairs(view.band.rows)
    if view.waterfall is not None:
        paper.heading("How the estimate was reached")
        paper.said(
            f"Steps add up on the scale {view.waterfall.scale.said}; to the right of the middle raises, to "
            "the left lowers. They explain the model's answer and are not effects of changing the patient.",
            8.0,
            soft=True,
        )
        paper.ln(1.0)
        steps = view.waterfall.steps
        paper.bars([(s.label, s.value, s.amount, f"{signed(s.amount)}   {s.reached}") for s in steps])
    paper.heading("What was recorded")
    paper.pairs(view.facts)
    _told(paper, "Not recorded, a typical value stands in", [view.filled])
    _told(paper, "Not recorded, read as no", [view.read_as_no])
    for why, what in view.unused:
        _told(paper, why, [what])
    return _ended(paper, view.model, signing, view.record)


def _ranking(view: RankView, record: PredictionRecord, signing: SigningView, place: Head) -> bytes:
    paper = _begun(view.title, view.record, record, place)
    paper.said(f"{sentence(view.measure.name)}, {view.order}. {view.summary}")
    _told(paper, "Notices", [text for _, text in view.notices])
    paper.heading(f"Each {view.what}, with the {view.level} interval and the difference from the first")
    head = ("", view.what, "estimate", "interval", "difference", "its interval")
    rows = [(str(r.place), r.option, r.said, r.interval, r.difference, r.apart) for r in view.rows]
    paper.table_of(head, rows, (5, 31, 14, 22, 12, 22), n_texts=2)
    paper.heading("What was recorded")
    paper.pairs(view.facts)
    _told(paper, "Not recorded, a typical value stands in", [view.filled])
    _told(paper, "Not recorded, read as no", [view.read_as_no])
    return _ended(paper, view.model, signing, view.record)


def _begun(title: str, told: Record, record: PredictionRecord, place: Head) -> Paper:
    """The head of the first sheet, and the foot of each."""
    foot = (
        f"Rxplain · prediction {told.id} · bundle {told.digest}",
        f"Row {place.n:,} of the record. To prove that it stands unchanged: rxplain log verify --head",
        str(place),
    )
    paper = Paper(title, datetime.fromisoformat(record.time), foot)
    paper.said(f"{told.study} version {told.version} · {told.time}", 8.0, soft=True)
    paper.heading(title, 15.0)
    paper.said(f"Patient {told.patient_id}", 10.0, bold=True)
    paper.ln(2.0)
    return paper


def _headline(paper: Paper, view: ReviewView) -> None:
    told = view.headline
    if told.value is None:
        paper.said("No number is given.", 18.0, bold=True)
        return
    paper.said(f"{told.value} {told.unit}".strip(), 22.0, bold=True)
    paper.said(told.daily, 10.0)
    kind = "band" if view.measure.is_probability else "prediction interval"
    paper.said(f"{told.interval}, the {told.level} {kind}", 10.0)
    paper.said(told.possible, 9.0)


def _ended(paper: Paper, model: Told, signing: SigningView, told: Record) -> bytes:
    """What is said of the model, who signed, and what the answer is for."""
    if model.card is not None:
        paper.heading("The model")
        paper.said(model.card.purpose)
        paper.said(f"Learned from {model.card.n:,} patients. {model.card.trained_on}", 8.0, soft=True)
        for one in model.performance:
            paper.ln(1.5)
            rows = [(who, *map(_figure, cells)) for who, cells in one.rows]
            titles = [title for title, _ in model.metrics]
            wide = 100 // (len(titles) + 1)
            paper.table_of((one.protocol, *titles), rows, (wide,) * (len(titles) + 1))
        _told(paper, "Limits", list(model.card.limits))
    paper.heading("Verdicts")
    paper.said(signing.summary)
    for entry in signing.entries:
        paper.ln(1.0)
        amended = " (amended later)" if entry.is_amended else ""
        paper.said(f"{entry.said}{amended} · {entry.by}, {entry.role} · {entry.time}", bold=True)
        paper.said("; ".join(entry.reasons))
        paper.said(entry.comment)
    paper.ln(3.0)
    paper.said(told.advice, 8.0, soft=True)
    return bytes(paper.output())


def _figure(told: tuple[str, str]) -> str:
    value, between = told
    return f"{value} ({between})" if between else value


def _told(paper: Paper, title: str, texts: list[str]) -> None:
    """A heading and its sentences, if there are any."""
    if any(texts):
        paper.heading(title, 9.0)
        for text in texts:
            paper.said(f"• {text}" if len(texts) > 1 else text)

"""A card: the answer in a line, what it rests on, where to look further; it offers and never orders."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from serving.cds.asked import Asked
from serving.cds.services import Service
from serving.review.measure import Measure
from serving.review.words import feature_value, sentence, signed, spoken

LONGEST_SUMMARY = 139
OVERRIDES = "urn:rxplain:override-reason"
REASONS: Mapping[str, str] = {
    "response-known": "The patient's response is known already",
    "other-guideline": "Another guideline or protocol is followed",
    "data-wrong": "Recorded facts are wrong or out of date",
    "judgement": "Clinical judgement",
    "other": "Another reason",
}
_MOST_NAMED, _MOST_REASONS = 6, 3
_TOLD_APART = ("imputed", "unrecorded_as_absent")
Json = dict[str, Any]  # Any: an answer as it was written


def card_of(answer_text: str, service: Service, asked: Asked, public_url: str | None) -> Json:
    """The card of an answer as its caller may see it; its uuid is the prediction's id."""
    answer = json.loads(answer_text)
    measure = Measure.of(answer, answer["unit"])
    severe = [one for one in answer["notices"] if one["severity"] in ("caution", "decline")]
    card: Json = {
        "uuid": str(UUID(hex=answer["id"])),
        "summary": _summary(answer, measure),
        "indicator": "warning" if severe else "info",
        "detail": _detail(answer, measure),
        "source": _source(answer, service, public_url),
        "overrideReasons": [
            {"code": code, "system": OVERRIDES, "display": display} for code, display in REASONS.items()
        ],
    }
    if public_url is not None:
        url = f"{public_url}/review/{answer['id']}"
        card["links"] = [{"label": "Why, how sure, and what if", "url": url, "type": "absolute"}]
    missing = _genes_missing(answer)
    if missing:
        card["suggestions"] = [_test(missing, asked)]
        card["selectionBehavior"] = "any"
    return card


def _summary(answer: Json, measure: Measure) -> str:
    drug = sentence(spoken(answer["drug"]))
    if answer["declined"]:
        return _short(f"{drug}: no {measure.name} is predicted for this patient; the reasons are below")
    interval = answer["interval"]
    between = measure.interval(interval["lower"], interval["upper"])
    level = f"{100 * interval['level']:g}%"
    return _short(f"{drug}, predicted {measure.name}: {measure.said(answer['value'])} ({level}: {between})")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SUMMARY else f"{text[: LONGEST_SUMMARY - 1]}…"


def _detail(answer: Json, measure: Measure) -> str:
    """GitHub-flavoured markdown, as the specification asks; nothing in it is free text of a record."""
    basis = answer["basis"]
    lines = []
    if not answer["declined"]:
        interval = answer["interval"]
        between = measure.interval(interval["lower"], interval["upper"])
        lines.append(f"**{measure.said(answer['value'])}** ({100 * interval['level']:g}% interval {between})")
    told = [one for one in answer["notices"] if one["code"] not in _TOLD_APART]
    lines += [f"- {sentence(one['text'])}" for one in told]
    for title, names in (
        ("Not recorded, a typical value stands in", basis["imputed"]),
        ("Not recorded, read as no", basis["unrecorded_as_absent"]),
    ):
        lines += [f"- {title}: {_named(names, answer)}"] if names else []
    why = _reasons(answer)
    lines += [f"- What moved it most: {why}"] if why else []
    n = basis["population"]["n"]
    lines.append(f"- Learned from {n:,} patients; {answer['study']} version {basis['model_version']}")
    lines += ["", answer["advice"]]
    return "\n".join(lines)


def _named(names: Sequence[str], answer: Json) -> str:
    """Inputs by their labels; of many the first, and how many more there are."""
    labels = {row["name"]: row["label"] for row in (answer["explanation"] or {}).get("features", [])}
    told = [labels.get(name, spoken(name.partition(".")[2])) for name in names[:_MOST_NAMED]]
    more = len(names) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "")


def _reasons(answer: Json) -> str:
    explanation = answer["explanation"]
    if explanation is None:
        return ""
    if "features" not in explanation:
        blocks = sorted(explanation["blocks"].items(), key=lambda pair: -abs(pair[1]))
        return ", ".join(f"{spoken(name)} {_way(amount)}" for name, amount in blocks if amount)
    known = [row for row in explanation["features"] if row["value"] is not None]
    rows = sorted(known, key=lambda row: -abs(row["contribution"]))[:_MOST_REASONS]
    return ", ".join([f"{_input(row)} ({_way(row['contribution'])})" for row in rows])


def _input(row: Json) -> str:
    return f"{row['label']} {feature_value(row['name'], row['value'], row['unit'])}"


def _way(amount: float) -> str:
    return f"{'raises' if amount > 0 else 'lowers'} it, {signed(amount)}"


def _source(answer: Json, service: Service, public_url: str | None) -> Json:
    source: Json = {
        "label": f"Rxplain, {service.study} version {answer['basis']['model_version']}",
        "topic": {"system": "urn:rxplain:study", "code": service.study, "display": spoken(service.drug)},
    }
    return source if public_url is None else source | {"url": f"{public_url}/review/models/{service.study}"}


def is_genotyped(answer_text: str) -> bool:
    """Whether a genotype is behind an answer; opening a record should not bring a card without one."""
    answer = json.loads(answer_text)
    return not answer["declined"] and any(n.startswith("genotype.") for n in answer["basis"]["inputs_used"])


def _genes_missing(answer: Json) -> list[str]:
    """Genes whose calls the answer had to do without."""
    gone = [name for name in answer["basis"]["missing"] if name.startswith("genotype.")]
    return list(dict.fromkeys(name.split(".")[1] for name in gone))


def _test(genes: Sequence[str], asked: Asked) -> Json:
    """A genotyping test as a draft for the clinician to take or leave."""
    what = f"Genotyping of {' and '.join(genes)}"
    order = {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "code": {"text": what},
        "subject": {"reference": f"Patient/{asked.patient_id}"},
    }
    action = {"type": "create", "description": f"Draft an order: {what}", "resource": order}
    return {
        "label": f"{what}, which this answer had to do without",
        "isRecommended": False,
        "actions": [action],
    }

"""The sections on what answers are worth: calibration, decisions, abstention, and more patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from training.report_bars import Bar, draw_bars
from training.report_charts import Dot, Line, Side, draw_lines, draw_reliability
from training.report_parts import Panel, Section, Table, Told, protocol_words, slug, upper
from training.report_sections import formed, mark
from training.report_shapes import brief
from training.report_words import (
    MODEL,
    decimals,
    heading,
    interval,
    metric_name,
    number,
    percent,
    said,
    spoken,
)

_FEW_THRESHOLDS = 4  # of the curve's thresholds, every fourth stands in the table


def calibration(told: Told) -> Section | None:
    """What was observed among patients answered alike."""
    found = [(name, own) for name, own in told.protocols("calibration") if own.get("groups")]
    panels = [_calibration(told, name, own) for name, own in found]
    lead = (
        "Patients are put together by what they were answered; each dot is one such group, never one patient."
    )
    return Section("calibration", "Whether answers mean what they say", lead, panels) if panels else None


def decision(told: Told) -> Section | None:
    """What acting on the answers would do."""
    is_binary = told.study.outcome.is_binary
    draw = _net_benefit if is_binary else _doses
    panels = [draw(told, name, own) for name, own in told.protocols("decision")]
    lead = (
        "Net benefit counts patients rightly acted on, less those wrongly acted on, weighed by the threshold "
        "at which one would act (Vickers and Elkin 2006)."
        if is_binary
        else "How many answers would be near enough, and how many much too low or too high."
    )
    return Section("decision", "What acting on the answers would do", lead, panels) if panels else None


def abstention(told: Told) -> Section | None:
    """How well the surest answers do."""
    found = [(name, own) for name, own in told.protocols("abstention") if len(own) > 1]
    panels = [_abstention(told, name, own) for name, own in found]
    lead = "The patients with the widest interval or band go unanswered first."
    return (
        Section("abstention", "What leaving the least sure unanswered brings", lead, panels)
        if panels
        else None
    )


def learning_curve(told: Told) -> Section | None:
    """What more patients would bring."""
    found = told.document.get("learning_curve") or {}
    points = told.known(found.get("points", ()))
    if len(points) < 2:
        return None
    first, last = (number(float(own["value"]), told.places) for _, own in (points[0], points[-1]))
    few, many = (point["n_train"] for point, _ in (points[0], points[-1]))
    title = f"From {first} with {few:,} patients to {last} with {many:,}"
    xs = [float(point["n_train"]) for point, _ in points]
    x = Side("patients trained on", 0.0, 1.04 * max(xs), lambda value: f"{value:,.0f}")
    figure, table = _curve(told, ("learning-curve", title), x, list(zip(xs, points, strict=True)))
    protocol = protocol_words(told.study, str(found.get("protocol")))
    caption = f"The first {found.get('splits')} splits of: {protocol}."
    lead = "The same patients answered by models that learned from a share of the others."
    panel = Panel(title, figure, caption, (table,))
    return Section("learning_curve", "What more patients would bring", lead, (panel,))


def _calibration(told: Told, name: str, found: Mapping[str, Any]) -> Panel:
    is_binary = told.study.outcome.is_binary
    groups = [own for own in found["groups"] if own.get("observed")]
    dots = [_dot(own) for own in groups]
    ends = [e for dot in dots for e in (dot.answered, dot.lower, dot.upper)]
    form = percent if is_binary else formed(0 if max(ends) > 20 else 1)
    low, high = (0.0, 1.0) if is_binary else (min(ends), max(ends))
    low = 0.0 if 0.0 < low < 0.35 * high else low
    what = f"chance of {told.outcome}" if is_binary else told.outcome
    x, y = Side(f"answered: {what}", low, high, form), Side(_observed(told), low, high, form)
    slope = said(found.get("slope"), 2)
    title = (
        f"Calibration slope {slope}, where 1 is right" if slope else "What was observed, by what was answered"
    )
    shown = [
        f"{form(own['answered'])} answered, {_percents(own['observed'], is_binary)} observed"
        for own in groups
    ]
    figure = draw_reliability(f"calibration-{slug(name)}", (title, "; ".join(shown) + "."), x, y, dots)
    body = [
        [_value(own["answered"], is_binary), f"{own['n']:,}", _percents(own["observed"], is_binary)]
        for own in groups
    ]
    tables = [
        Table("By group of like answers", ["Mean answer", "Patients", _observed(told).capitalize()], body),
        Table("Over all answers", ["", "Figure with 95% interval"], _calibration_rows(told, found)),
    ]
    return Panel(title, figure, upper(protocol_words(told.study, name)) + ".", tables)


def _observed(told: Told) -> str:
    return (
        "share with the event"
        if told.study.outcome.is_binary
        else f"observed mean, {told.unit or 'as answered'}"
    )


def _dot(own: Mapping[str, Any]) -> Dot:
    seen = mark(own["observed"])
    lower, upper_end = (seen.value if end is None else float(end) for end in (seen.lower, seen.upper))
    return Dot(float(own["answered"]), seen.value, lower, upper_end)


def _value(value: float, is_binary: bool) -> str:
    return percent(value, 1) if is_binary else number(float(value), 2)


def _percents(figure: Mapping[str, Any], is_binary: bool) -> str:
    if not is_binary:
        return said(figure, 2)
    scaled = {key: None if own is None else 100.0 * own for key, own in figure.items()}
    ends = interval(scaled, 1)
    return f"{number(scaled['value'], 1)}%" + (f" ({ends})" if ends else "")


def _calibration_rows(told: Told, found: Mapping[str, Any]) -> list[list[str]]:
    metrics = ("slope", "intercept", "brier", "ece")
    rows = [
        [heading(metric_name(metric, told.unit)), said(found.get(metric), decimals(metric))]
        for metric in metrics
    ]
    return [row for row in rows if row[1]]


def _net_benefit(told: Told, name: str, found: Mapping[str, Any]) -> Panel:
    curve, other = found["curve"], found.get("comparator")
    lines = [
        Line("Rxplain", "model", [(p["threshold"], p["model"]["value"]) for p in curve], _bands(curve)),
        Line("nobody", "none", [(p["threshold"], 0.0) for p in curve]),
    ]
    if other:
        own = [(p["threshold"], p["comparator"]) for p in curve if "comparator" in p]
        lines.insert(1, Line(spoken(other), "other", own))
    everybody = Line("everybody", "all", [(p["threshold"], p["all"]) for p in curve])
    useful = [
        p["threshold"] for p in curve if (p["gain"] or {}).get("lower") is not None and p["gain"]["lower"] > 0
    ]
    title = _useful(useful, curve)
    highest = max(p["model"]["upper"] or p["model"]["value"] for p in curve)
    x = Side("threshold: the chance from which on one would act", 0.0, curve[-1]["threshold"], percent)
    y = Side("net benefit, per patient", -0.12 * highest, 1.05 * highest, formed(2))
    figure = draw_lines(
        f"decision-{slug(name)}", (title, _useful(useful, curve) + "."), x, y, lines, everybody
    )
    caption = f"Acting on everybody, on nobody, or by an answer. {upper(protocol_words(told.study, name))}."
    return Panel(title, figure, caption, (_thresholds(found, other), _consequences(told, found)))


def _useful(useful: Sequence[float], curve: Sequence[Mapping[str, Any]]) -> str:
    if not useful:
        return "At no threshold is acting by the answer surely better than acting on all or nobody"
    spread = f"from {percent(min(useful), 1)} to {percent(max(useful), 1)}".replace(".0%", "%")
    whole = len(useful) == sum(min(useful) <= p["threshold"] <= max(useful) for p in curve)
    most = "thresholds" if whole else "most thresholds"
    return f"Acting by the answer is surely better than on all or nobody at {most} {spread}"


def _bands(curve: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    ends = [(p["model"]["lower"], p["model"]["upper"], p["model"]["value"]) for p in curve]
    return [(value if low is None else low, value if high is None else high) for low, high, value in ends]


def _thresholds(found: Mapping[str, Any], other: str | None) -> Table:
    head = [
        "Threshold",
        "Rxplain",
        *([spoken(other)] if other else []),
        "Everybody",
        "Gain over all or nobody",
    ]
    body = []
    for point in found["curve"][::_FEW_THRESHOLDS]:
        theirs = [number(float(point["comparator"]), 3)] if other else []
        own, gain = said(point["model"], 3), said(point["gain"], 3)
        body.append([percent(point["threshold"], 1), own, *theirs, number(float(point["all"]), 3), gain])
    return Table("Net benefit", head, body)


def _consequences(told: Told, found: Mapping[str, Any]) -> Table:
    kinds = {
        "acted_on": "acted on",
        "rightly": "of these with the event",
        "wrongly": "of these without it",
        "missed": "not acted on, with the event",
        "rightly_spared": "not acted on, without it",
    }
    points = found["consequences"]
    head = ["Of 100 patients", *(f"from {percent(p['threshold'], 1)} on" for p in points)]
    body = [[words, *(said(p.get(kind), 1) for p in points)] for kind, words in kinds.items()]
    named = "named by the study" if found.get("named_by_study") else "at the rate of the event"
    return Table(f"What acting at a threshold means ({named}): {told.outcome}", head, body)


def _doses(told: Told, name: str, found: Mapping[str, Any]) -> Panel:
    kinds = {"too_low": "over 20% too low", "within": "within 20%", "too_high": "over 20% too high"}
    order = [who for who, own in found["by"].items() if all(kind in own for kind in kinds)]
    shares = {who: [float(found["by"][who][kind]["value"]) for kind in kinds] for who in order}
    bars = [Bar(_who(who), shares[who], who == MODEL) for who in order]
    near = said(found["by"][MODEL]["within"], 1, "%")
    low, high = (number(found["by"][MODEL][kind]["value"], 1) for kind in ("too_low", "too_high"))
    title = f"{near} of answers are within 20%; {low}% are further too low, {high}% further too high"
    shown = "; ".join(f"{bar.label}: {', '.join(number(part, 1) for part in bar.parts)}" for bar in bars)
    figure = draw_bars(f"decision-{slug(name)}", (title, f"{shown}."), list(kinds.values()), bars)
    body = [[_who(who), *(said(found["by"][who][kind], 1) for kind in kinds)] for who in order]
    table = Table("Percent of answers", ["", *(upper(words) for words in kinds.values())], body)
    return Panel(title, figure, upper(protocol_words(told.study, name)) + ".", (table,))


def _who(who: str) -> str:
    return "Rxplain" if who == MODEL else spoken(who)


def _abstention(told: Told, name: str, points: Sequence[Mapping[str, Any]]) -> Panel:
    known = told.known(points)
    half, surest = min(known, key=lambda pair: abs(pair[0]["share"] - 0.5))
    everybody, some = (number(float(own["value"]), told.places) for own in (known[0][1], surest))
    what = upper(told.metric(short=True)) if not told.metric().startswith("AUC") else "AUC"
    title = f"{what} {everybody} for everybody, {some} for the surest {percent(half['share'])}"
    xs = [float(point["share"]) for point, _ in known]
    near = [_briefly(own[0].get("within20")) for own in (known[0], (half, surest))]
    title += f"; within 20%: {near[0]} and {near[1]}" if all(near) else ""
    x = Side("share of patients answered, the surest first", 0.0, 1.0, percent)
    named = f"abstention-{slug(name)}", title
    figure, table = _curve(told, named, x, list(zip(xs, known, strict=True)))
    return Panel(title, figure, upper(protocol_words(told.study, name)) + ".", (table,))


def _briefly(figure: Mapping[str, Any] | None) -> str:
    """A percentage without its interval; nothing where it is not told."""
    return "" if figure is None or figure.get("value") is None else f"{number(float(figure['value']), 1)}%"


def _curve(
    told: Told, named: tuple[str, str], x: Side, points: Sequence[tuple[float, Any]]
) -> tuple[Markup, Table]:
    """The leading figure over an axis, from (place, (point, figure)), and every figure as a table."""
    ordered = sorted(points, key=lambda pair: pair[0])
    marks = [(at, mark(own)) for at, (_, own) in ordered]
    band = [
        (m.value if m.lower is None else m.lower, m.value if m.upper is None else m.upper) for _, m in marks
    ]
    low, high = min(b[0] for b in band), max(b[1] for b in band)
    room = 0.08 * ((high - low) or 1.0)
    y = Side(told.metric(), low - room, high + room, brief)
    line = Line("Rxplain", "model", [(at, m.value) for at, m in marks], band)
    shown = [f"{x.form(at)}: {said(own, told.places)}" for at, (_, own) in points]
    metrics = [m for m in ("auc", "mae", "within20", "r2", "brier", "coverage90") if m in points[0][1][0]]
    head = [
        upper(x.name.partition(",")[0]),
        "Held out",
        *(heading(metric_name(m, told.unit, short=True)) for m in metrics),
    ]
    body = [
        [x.form(at), number(p.get("n")), *(said(p.get(m), decimals(m)) for m in metrics)]
        for at, (p, _) in points
    ]
    if not any(row[1] for row in body):
        head, body = [head[0], *head[2:]], [[row[0], *row[2:]] for row in body]
    return draw_lines(named[0], (named[1], "; ".join(shown) + "."), x, y, [line]), Table("", head, body)

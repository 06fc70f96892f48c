"""The sections that hold the model beside its comparators: headline, groups held out, and subgroups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from training.report_forest import Mark, Row, Scale, draw_forest
from training.report_parts import Panel, Section, Table, Told, protocol_words, slug, upper
from training.report_summary import rival, verdict
from training.report_words import (
    METRICS,
    MODEL,
    Figure,
    decimals,
    heading,
    metric_name,
    number,
    said,
    spoken,
)

_COVERAGE = "90"


def headline(told: Told) -> Section | None:
    """Every protocol's leading figure, the model on top of all that it is held against."""
    panels = [_headline(told, name, whos) for name, whos in told.protocols("protocols")]
    lead = "Figures of patients who were not trained on, the same for everybody, with 95% intervals."
    return Section("headline", "The model beside its comparators", lead, panels) if panels else None


def groups(told: Told) -> Section | None:
    """Each group held out, such as a site: the model beside the best comparator."""
    panels = [_groups(told, name, found) for name, found in told.protocols("groups")]
    lead = "Nobody of the group was trained on. Intervals redraw the group's own patients."
    return Section("groups", "Where the model has never been", lead, panels) if panels else None


def subgroups(told: Told) -> Section | None:
    """The leading figure by each variable of the study."""
    panels = [
        panel
        for name, found in told.protocols("subgroups")
        if (panel := _subgroups(told, name, found)) is not None
    ]
    lead = "The same answers, told by who the patients are. Groups of fewer than ten patients are left out."
    return Section("subgroups", "For whom it does well", lead, panels) if panels else None


def coverage(told: Told) -> Section | None:
    """Whether intervals keep their promise, by level and by subgroup."""
    panels = [
        panel
        for name, found in told.protocols("calibration")
        if (panel := _coverage(told, name, found.get("coverage") or {})) is not None
    ]
    what = "A set of possible outcomes" if told.study.outcome.is_binary else "An interval"
    lead = f"{what} of 90% promises to hold what is observed for nine patients of ten, in each subgroup."
    return Section("coverage", "Whether intervals keep their promise", lead, panels) if panels else None


def mark(figure: Figure) -> Mark:
    """A figure as it is drawn."""
    return Mark(float(figure["value"]), figure.get("lower"), figure.get("upper"))


def formed(places: int) -> Callable[[float], str]:
    """How a number with so many decimals reads."""
    return lambda value: number(float(value), places)


def _headline(told: Told, name: str, whos: Mapping[str, Any]) -> Panel:
    known = {who: own for who, found in whos.items() if (own := told.figure(found)) is not None}
    sign = 1.0 if told.is_error else -1.0
    order = sorted(known, key=lambda who: (who != MODEL, sign * float(known[who]["value"])))
    rows = [Row(_who(who), mark(known[who]), strong=who == MODEL) for who in order]
    best = rival(told, whos)
    title = f"{_who(MODEL)} reaches {said(known.get(MODEL), told.places)}"
    if best is not None and MODEL in known:
        other = number(float(best[1]["value"]), told.places)
        endings = {
            "better": f"better than {spoken(best[0])} ({other})",
            "not told apart": f"close to {spoken(best[0])} ({other})",
            "no better": f"no better than {spoken(best[0])} ({other})",
        }
        gained = told.document.get("differences", {}).get(name, {}).get(best[0])
        title = f"{title}, {endings[verdict(told, known[MODEL], best[1], gained)]}"
    scale = Scale(
        f"{told.metric()} ({'lower' if told.is_error else 'higher'} is better)", formed(told.places)
    )
    figure = draw_forest(f"headline-{slug(name)}", (title, _listed(rows, told.places)), rows, scale)
    table = _metrics_table(
        told, {_who(who): whos[who] for who in [*order, *(w for w in whos if w not in known)]}
    )
    return Panel(title, figure, upper(protocol_words(told.study, name)) + ".", (table,))


def _metrics_table(told: Told, rows: Mapping[str, Mapping[str, Any]]) -> Table:
    shown = [metric for metric in METRICS if any(metric in found for found in rows.values())]
    head = ["", *(heading(metric_name(metric, told.unit, short=metric != "mae")) for metric in shown)]
    body = [
        [label, *(said(found.get(metric), decimals(metric)) for metric in shown)]
        for label, found in rows.items()
    ]
    return Table("Every figure, with its 95% interval where there is one", head, body)


def _groups(told: Told, name: str, found: Mapping[str, Any]) -> Panel:
    order = sorted(found, key=lambda group: -int(found[group]["n"]))
    other = next((who for group in found.values() for who in group if who not in (MODEL, "n")), "")
    what = next((p.group for p in told.study.protocols if p.name == name), "group")
    rows, counts, ahead = [], [], 0
    for group in order:
        own, theirs = told.figure(found[group].get(MODEL)), told.figure(found[group].get(other))
        if own is None:
            continue
        label = f"{what} {group} (n = {found[group]['n']})"
        rows.append(Row(label, mark(own), None if theirs is None else mark(theirs)))
        counts.append([f"{what} {group}", number(found[group]["n"])])
        ahead += theirs is not None and verdict(told, own, theirs) != "no better"
    if not rows:
        return Panel(f"No {what} is large enough to be told")
    values = [row.mark.value for row in rows if row.mark is not None]
    low, high = number(min(values), told.places), number(max(values), told.places)
    title = f"From {low} to {high} at single {what}s"
    title += f"; ahead of {spoken(other)} at {ahead} of {len(rows)}" if other else ""
    scale = Scale(told.metric(), formed(told.places), own_name="Rxplain", other_name=spoken(other))
    figure = draw_forest(f"groups-{slug(name)}", (title, _listed(rows, told.places)), rows, scale)
    head = [heading(what), "Patients", "Rxplain", *([spoken(other)] if other else [])]
    figures = [[_mark_said(own, told.places) for own in (row.mark, row.other) if own] for row in rows]
    body = [[*named, *own] for named, own in zip(counts, figures, strict=True)]
    tables = (Table(heading(told.metric()), head, body),)
    return Panel(title, figure, "The largest group is on top; bars are 95% intervals.", tables)


def _mark_said(found: Mark | None, places: int) -> str:
    if found is None:
        return ""
    return said({"value": found.value, "lower": found.lower, "upper": found.upper}, places)


def _subgroups(told: Told, name: str, found: Mapping[str, Any]) -> Panel | None:
    rows: list[Row] = []
    shown: list[tuple[float, str, Row]] = []
    for variable, levels in found.items():
        own = {level: told.figure(whos.get(MODEL)) for level, whos in levels.items()}
        known = {level: figure for level, figure in own.items() if figure is not None}
        if known:
            rows.append(Row(heading(variable), strong=True))
            own_rows = [Row(f"  {spoken(v)} (n = {levels[v]['n']})", mark(f)) for v, f in known.items()]
            rows += own_rows
            shown += [(row.mark.value, spoken(variable), row) for row in own_rows if row.mark is not None]
    if not shown:
        return None
    overall = told.figure(told.document.get("protocols", {}).get(name, {}).get(MODEL))
    value, variable, worst = (max if told.is_error else min)(shown, key=lambda triple: triple[0])
    level = worst.label.strip().partition(" (n")[0]
    title = f"Least good for {variable} {level}: {number(value, told.places)}"
    guide = None if overall is None else float(overall["value"])
    scale = Scale(told.metric(), formed(told.places), guide, "all patients" if overall else "")
    figure = draw_forest(f"subgroups-{slug(name)}", (title, _listed(rows, told.places)), rows, scale)
    tables = [_subgroup_table(told, variable, levels) for variable, levels in found.items() if levels]
    return Panel(title, figure, upper(protocol_words(told.study, name)) + ".", tables)


def _subgroup_table(told: Told, variable: str, levels: Mapping[str, Any]) -> Table:
    best = rival(told, told.document["protocols"].get(next(iter(told.document["protocols"])), {}))
    whos = [MODEL, *([] if best is None else [best[0]])]
    head = [heading(variable), "Patients", *(heading(_who(who)) for who in whos)]
    body = [
        [spoken(level), str(own["n"]), *(said(told.figure(own.get(who)), told.places) for who in whos)]
        for level, own in levels.items()
    ]
    return Table(heading(told.metric()), head, body)


def _coverage(told: Told, name: str, found: Mapping[str, Any]) -> Panel | None:
    overall, levels = found.get("overall") or {}, list(found.get("levels") or ())
    if _COVERAGE not in overall:
        return None
    rows = [Row("All patients", mark(overall[_COVERAGE]), strong=True)]
    for variable, groups_of in (found.get("by") or {}).items():
        known = {level: own for level, own in groups_of.items() if _COVERAGE in own}
        if known:
            rows.append(Row(heading(variable), strong=True))
            rows += [Row(f"  {spoken(v)} (n = {own['n']})", mark(own[_COVERAGE])) for v, own in known.items()]
    shown = [row for row in rows[1:] if row.mark is not None]
    ends = [row.mark.value for row in shown if row.mark is not None]
    name_of = "sets" if told.study.outcome.is_binary else "intervals"
    title = f"90% {name_of} hold {number(float(overall[_COVERAGE]['value']), 1)}% over everybody"
    if ends:
        title += f", from {number(min(ends), 1)}% to {number(max(ends), 1)}% by subgroup"
    scale = Scale(f"held by 90% {name_of}, %", formed(1), 90.0, "the promise")
    figure = draw_forest(f"coverage-{slug(name)}", (title, _listed(shown or rows, 1)), rows, scale)
    head = ["", *(f"{level}%" for level in levels)]
    body = [["All patients", *(said(overall.get(level), 1) for level in levels)]]
    body += [
        [f"{spoken(variable)}: {spoken(v)}", *(said(own.get(level), 1) for level in levels)]
        for variable, groups_of in (found.get("by") or {}).items()
        for v, own in groups_of.items()
    ]
    table = Table("Percent held, by the level that was promised", head, body)
    return Panel(
        title, figure, upper(protocol_words(told.study, name)) + "; bars are 95% intervals.", (table,)
    )


def _listed(rows: Sequence[Row], places: int) -> str:
    known = [row for row in rows if row.mark is not None]
    return "; ".join(f"{row.label.strip()}: {_mark_said(row.mark, places)}" for row in known) + "."


def _who(who: str) -> str:
    return "Rxplain" if who == MODEL else spoken(who)

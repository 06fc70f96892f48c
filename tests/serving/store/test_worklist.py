"""The list of answers: newest first, page by page, filtered, of one tenant."""

from __future__ import annotations

import asyncio
import json
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from serving.settings import Settings
from serving.store.database import reading
from serving.store.glance import glance_of
from serving.store.store import Store
from serving.store.tables import WORKLIST
from serving.store.worklist import MOST_COUNTED, Asked, Page
from tests.serving.store.earlier_log import write_earlier_log
from tests.serving.store.rows import predictions, tamper, verdict

KINDS = ("prediction", "ranking")
ALL = Asked(KINDS)


def _answer(
    value: float | None, lower: float | None, upper: float | None, *codes: str, **more: object
) -> str:
    notices = [{"code": code, "text": 'says ,"explanation": and "simulated":['} for code in codes]
    interval = None if value is None else {"level": 0.9, "lower": lower, "upper": upper}
    told = {"patient_id": "anna", "drug": "warfarin", "value": value, "unit": "mg/wk", "interval": interval}
    return json.dumps(
        {**more, **told, "declined": value is None, "notices": notices, "explanation": {"base": 1}},
        separators=(",", ":"),
    )


def _ids(page: Page) -> list[str]:
    return [row.id for row in page.rows]


def test_pages_go_down_and_up_again_and_miss_nothing(store: Store) -> None:
    records = predictions(25)
    store.predictions.write_all(records, "local")
    wanted = sorted((one.id for one in records), reverse=True)
    first = store.worklist.page("local", ALL, 10)
    assert (_ids(first), first.has_newer, first.has_older, first.n) == (wanted[:10], False, True, 25)
    second = store.worklist.page("local", ALL, 10, older_than=first.rows[-1].id)
    third = store.worklist.page("local", ALL, 10, older_than=second.rows[-1].id)
    assert _ids(second) + _ids(third) == wanted[10:]
    assert (third.has_newer, third.has_older) == (True, False)
    store.predictions.write_all(predictions(3), "local")
    back = store.worklist.page("local", ALL, 10, newer_than=third.rows[0].id)
    assert _ids(back) == wanted[10:20]
    assert (back.has_newer, back.has_older) == (True, True)


def test_what_is_listed_says_whom_it_is_about_and_what_was_answered(store: Store) -> None:
    (record,) = predictions(1, "anna", answer=_answer(30.0, 20.0, 50.0, "imputed"))
    store.predictions.write_all([record], "local")
    (row,) = store.worklist.page("local", ALL, 10).rows
    assert (row.kind, row.declined, row.width, row.notices) == ("prediction", False, 1.0, ("imputed",))
    assert (row.label["patient_id"], row.label["drug"], row.label["value"]) == ("anna", "warfarin", 30.0)
    assert store.worklist.page("other", ALL, 10).rows == ()


def test_each_filter_lists_what_it_names(store: Store) -> None:
    answers = {
        "narrow": _answer(30.0, 29.0, 31.0),
        "wide": _answer(30.0, 10.0, 60.0, "out_of_range"),
        "unbounded": _answer(30.0, None, 60.0, "interval_unbounded"),
        "declined": _answer(None, None, None, "required_missing"),
    }
    of = {name: predictions(1, name, answer=answer, study=name)[0] for name, answer in answers.items()}
    store.predictions.write_all(list(of.values()), "local")
    store.verdicts.write(verdict(of["wide"].id), "local")

    def listed(**asked: object) -> set[str]:
        return {row.study for row in store.worklist.page("local", Asked(KINDS, **asked), 10).rows}

    assert listed() == set(of)
    assert listed(study="narrow") == {"narrow"}
    assert listed(notice="out_of_range") == {"wide"}
    assert listed(notice="out%range") == listed(notice="range") == set()
    assert listed(declined=True) == {"declined"}
    assert listed(declined=False) == {"narrow", "wide", "unbounded"}
    assert listed(least_width=1.0) == {"wide", "unbounded"}
    assert listed(verdict="") == {"narrow", "unbounded", "declined"}
    assert listed(verdict="agree") == listed(verdict="signed") == listed(readers=1) == {"wide"}
    assert listed(patient=store.worklist.hidden("local", "wide")) == {"wide"}
    assert listed(patient=store.worklist.hidden("other", "wide")) == set()


def test_very_many_are_not_counted_to_the_end(store: Store) -> None:
    store.predictions.write_all(predictions(MOST_COUNTED + 5), "local")
    assert store.worklist.page("local", ALL, 1).n == MOST_COUNTED + 1


def test_answers_given_before_there_was_a_list_are_listed_when_the_tables_are_made(empty: Settings) -> None:
    records = predictions(230, answer=_answer(30.0, 20.0, 50.0))
    write_earlier_log(empty.home / "predictions.db", records)
    Store.open(empty).close()
    store = Store.open(empty)
    assert store.worklist.page("local", ALL, 1).n == 230
    assert store.worklist.page("local", ALL, 1).rows[0].label["patient_id"] == "anna"
    store.close()


@pytest.mark.parametrize("codes", [(), ("imputed", "imputed", "out_of_range")])
def test_a_glance_reads_what_stands_before_the_explanation(codes: tuple[str, ...]) -> None:
    seen = glance_of(_answer(0.4, 0.3, 0.6, *codes, event="response"))
    assert seen.kind == "prediction"
    assert seen.width == pytest.approx(0.3)
    assert seen.notices == tuple(dict.fromkeys(codes))


def test_an_unbounded_interval_is_the_widest() -> None:
    assert glance_of(_answer(30.0, None, 60.0)).width == math.inf
    assert glance_of(_answer(None, None, None)).width is None
    assert glance_of(_answer(None, None, None)).declined


def test_two_workers_list_each_answer_once(opened) -> None:
    first, second = opened(), opened()
    first.predictions.write_all(predictions(230), "local")
    with ThreadPoolExecutor(2) as workers:
        counts = list(workers.map(lambda store: store.worklist.catch_up(), [first, second]))
    assert sum(counts) == 230
    assert second.worklist.catch_up() == 0
    assert second.worklist.page("local", ALL, 1).n == 230


@pytest.mark.slow
def test_answers_are_listed_by_themselves_once_they_pause_and_soon_if_they_do_not(store: Store) -> None:
    async def answer_for(seconds: float) -> list[int]:
        listing = asyncio.create_task(store.keep_listed())
        listed = []
        for _ in range(int(seconds * 5)):
            await asyncio.to_thread(store.predictions.write_all, predictions(1), "local")
            await asyncio.sleep(0.2)
            listed.append(_n_listed(store))
        await asyncio.sleep(3.0)
        listing.cancel()
        return [*listed, _n_listed(store)]

    *meanwhile, after = asyncio.run(answer_for(13.0))
    assert set(meanwhile[:20]) == {0}
    assert 0 < meanwhile[-1] < len(meanwhile)
    assert after == len(meanwhile)


def _n_listed(store: Store) -> int:
    with reading(store.engine) as connection:
        return int(connection.execute(select(func.count()).select_from(WORKLIST)).scalar_one())


def test_what_was_erased_before_it_was_listed_is_never_listed(store: Store) -> None:
    store.predictions.write_all([*predictions(3, "gone"), *predictions(2, "here")], "local")
    store.erase("local", "gone")
    assert store.worklist.catch_up() == 2
    assert store.worklist.page("local", ALL, 10).n == 2


def test_a_row_that_does_not_open_stops_no_list(store: Store) -> None:
    store.predictions.write_all(predictions(3), "local")
    tamper(store, "UPDATE predictions SET content = chain WHERE seq = 2")
    assert store.worklist.page("local", ALL, 10).n == 2
    tamper(store, "DELETE FROM predictions WHERE seq = 3")
    assert store.verify().broken == 2
    assert store.worklist.catch_up() == 0

"""An idempotency key is answered once and a token used once, whichever worker is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from serving.access.caller import CALLER, Caller, Role
from serving.errors import RequestError
from serving.once_only import once_only
from serving.store.once import CLAIM_S, KEPT_S, Idempotency, ReplayGuard
from serving.store.records import StoredAnswer
from serving.store.store import Store

BODY = b'{"patient": 1}'


class Work:
    """Counts how often an answer was made."""

    def __init__(self, takes_s: float = 0.0, fails: bool = False) -> None:
        self.n, self.takes_s, self.fails = 0, takes_s, fails

    async def __call__(self) -> StoredAnswer:
        self.n += 1
        await asyncio.sleep(self.takes_s)
        if self.fails:
            raise RequestError("not-ready", "Not now.")
        return StoredAnswer(200, "application/json", f'{{"n": {self.n}}}'.encode(), "patient-7")


def test_the_same_request_is_answered_once(opened: Callable[[], Store]) -> None:
    first, second, work = opened(), opened(), Work()

    async def ask() -> None:
        made = await first.idempotent("key", "local", "/v1/predict", BODY, work)
        again = await second.idempotent("key", "local", "/v1/predict", BODY, work)
        assert (made.body, made.repeated) == (b'{"n": 1}', False)
        assert (again.body, again.repeated, again.status) == (b'{"n": 1}', True, 200)
        other = await second.idempotent("key", "elsewhere", "/v1/predict", BODY, work)
        assert other.body == b'{"n": 2}'

    asyncio.run(ask())


def test_with_less_access_the_key_is_another(store: Store) -> None:
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    async def ask(*, genomic: bool) -> bytes:
        caller = Caller("app", "north", frozenset({Role.APPLICATION}), genomic)
        headers = [(b"idempotency-key", b"visit-7")]
        scope = {"type": "http", "path": "/v1/predict", "headers": headers, CALLER: caller}
        await once_only(store, scope, send, BODY, work)
        return sent[-1]["body"]

    async def visits() -> list[bytes]:
        return [await ask(genomic=genomic) for genomic in (True, False, True)]

    work = Work()
    assert asyncio.run(visits()) == [b'{"n": 1}', b'{"n": 2}', b'{"n": 1}']


@pytest.mark.parametrize(("route", "body"), [("/v1/predict", b"{}"), ("/v1/rank", BODY)])
def test_a_key_that_came_with_another_request_is_refused(store: Store, route: str, body: bytes) -> None:
    async def ask() -> None:
        await store.idempotent("key", "local", "/v1/predict", BODY, Work())
        with pytest.raises(RequestError) as told:
            await store.idempotent("key", "local", route, body, Work())
        assert told.value.kind == "idempotency-mismatch"

    asyncio.run(ask())


def test_who_asks_meanwhile_waits_for_the_same_answer(opened: Callable[[], Store]) -> None:
    workers, work = [opened() for _ in range(3)], Work(takes_s=0.2)

    async def ask() -> None:
        asked = [workers[i % 3].idempotent("key", "local", "/v1/predict", BODY, work) for i in range(6)]
        assert {one.body for one in await asyncio.gather(*asked)} == {b'{"n": 1}'}

    asyncio.run(ask())
    assert work.n == 1


def test_who_waits_too_long_is_told_to_come_back(store: Store) -> None:
    hasty = Idempotency(store.engine, store.keys, wait_s=0.05)

    async def ask() -> None:
        at_work = asyncio.create_task(hasty.answer("key", "local", "/v1/predict", BODY, Work(takes_s=0.8)))
        await asyncio.sleep(0.15)
        with pytest.raises(RequestError) as told:
            await hasty.answer("key", "local", "/v1/predict", BODY, Work())
        assert (told.value.kind, told.value.retry_after_s) == ("idempotency-in-progress", 1)
        await at_work

    asyncio.run(ask())


def test_an_error_is_not_kept(store: Store) -> None:
    async def ask() -> None:
        with pytest.raises(RequestError):
            await store.idempotent("key", "local", "/v1/predict", BODY, Work(fails=True))
        answer = await store.idempotent("key", "local", "/v1/predict", BODY, Work())
        assert answer.body == b'{"n": 1}'

    asyncio.run(ask())


def test_a_dead_workers_claim_is_taken_over_and_an_old_key_forgotten(store: Store) -> None:
    now = [1000.0]
    clocked = Idempotency(store.engine, store.keys, clock=lambda: now[0], wait_s=0.0)
    clocked._claim(store.keys.hidden("local", "idempotency", "key"), _hash(store), "local", "dead")

    async def ask() -> bytes:
        return (await clocked.answer("key", "local", "/v1/predict", BODY, work)).body

    work = Work()
    with pytest.raises(RequestError):
        asyncio.run(ask())
    now[0] += CLAIM_S + 1
    assert asyncio.run(ask()) == b'{"n": 1}'
    now[0] += KEPT_S - 1
    assert asyncio.run(ask()) == b'{"n": 1}'
    now[0] += 2
    assert asyncio.run(ask()) == b'{"n": 2}'


def test_a_token_is_new_once_across_workers(opened: Callable[[], Store]) -> None:
    first, second = opened(), opened()

    async def show() -> list[bool]:
        shown = [worker.seen_jti("issuer", "jti-1", 2e9) for worker in (first, second) * 3]
        return await asyncio.gather(*shown)

    assert sorted(asyncio.run(show())) == [False] + [True] * 5
    assert not asyncio.run(first.seen_jti("other issuer", "jti-1", 2e9))


def test_a_token_is_forgotten_after_it_expired(store: Store) -> None:
    now = [1000.0]
    guard = ReplayGuard(store.engine, store.keys, clock=lambda: now[0])
    assert not guard.note("issuer", "jti", 1100.0)
    now[0] = 1099.0
    assert guard.note("issuer", "jti", 1100.0)
    now[0] = 1131.0
    assert not guard.note("issuer", "jti", 1200.0)


def _hash(store: Store) -> bytes:
    return store.keys.hidden("local", "body", "/v1/predict", BODY.hex())

"""An issuer's keys: fetched when needed, not too often, and used for a while when it cannot be reached."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from jwt.algorithms import RSAAlgorithm

from serving.access.access import Access
from serving.access.issuer import Issuer
from serving.access.jwks import KeySet, fetch_document, parse_keys
from serving.access.tokens import Tokens
from serving.errors import RequestError
from tests.serving.access.issuer_process import (
    AUDIENCE,
    EC_KEY,
    NAME,
    OTHER_KEY,
    RSA_KEY,
    IssuerProcess,
    public_jwk,
    token,
)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[IssuerProcess]:
    """An issuer of the test's own."""
    with IssuerProcess(tmp_path / "own") as running:
        yield running


def _trusting(issuer: IssuerProcess, **times: float) -> Issuer:
    return Issuer(NAME, issuer.uri, (AUDIENCE,), tenant="north", **times)


async def _kind(tokens: Tokens, credential: str) -> str:
    """`let in`, or the kind of the problem."""
    try:
        await tokens.caller(credential.encode())
    except RequestError as error:
        return error.kind
    return "let in"


def test_a_new_key_is_found_when_a_token_names_it(own: IssuerProcess) -> None:
    async def story() -> list[str]:
        tokens = Tokens([_trusting(own, retry_s=0.0)])
        before = await _kind(tokens, token(OTHER_KEY, "rsa-2"))
        own.publish(public_jwk(RSA_KEY, "rsa-1"), public_jwk(OTHER_KEY, "rsa-2"))
        return [before, await _kind(tokens, token(OTHER_KEY, "rsa-2")), await _kind(tokens, token())]

    assert asyncio.run(story()) == ["invalid-credentials", "let in", "let in"]


def test_unknown_keys_do_not_make_us_hammer_the_issuer(own: IssuerProcess) -> None:
    async def story() -> None:
        tokens = Tokens([_trusting(own)])
        asked = [_kind(tokens, token(OTHER_KEY, f"none-{i}")) for i in range(50)]
        assert set(await asyncio.gather(*asked)) == {"invalid-credentials"}
        assert await _kind(tokens, token()) == "let in"

    asyncio.run(story())
    assert own.asked == ["/keys"]


def test_known_keys_outlast_an_issuer_that_fails(own: IssuerProcess) -> None:
    async def story() -> list[str]:
        tokens = Tokens([_trusting(own, refresh_s=0.0, retry_s=0.0)])
        kinds = [await _kind(tokens, token(sub="a"))]
        own.publish()
        for subject in "bc":
            kinds.append(await _kind(tokens, token(sub=subject)))
            await asyncio.sleep(0.1)
        return [*kinds, await _kind(tokens, token(OTHER_KEY, "rsa-2"))]

    assert asyncio.run(story()) == ["let in", "let in", "let in", "invalid-credentials"]
    assert len(own.asked) > 1


def test_without_any_key_nothing_can_be_proved(own: IssuerProcess) -> None:
    own.publish()
    tokens = Tokens([_trusting(own)])
    with pytest.raises(RequestError) as told:
        asyncio.run(tokens.caller(token().encode()))
    assert told.value.kind == "issuer-unavailable"
    assert told.value.retry_after_s == 10


def test_keys_are_not_used_for_ever(own: IssuerProcess) -> None:
    async def story() -> list[str]:
        tokens, credential = Tokens([_trusting(own, retry_s=0.0, longest_stale_s=0.2)]), token()
        before = await _kind(tokens, credential)
        own.publish()
        await asyncio.sleep(0.3)
        return [before, await _kind(tokens, credential)]

    assert asyncio.run(story()) == ["let in", "issuer-unavailable"]


def test_a_key_taken_back_ends_the_tokens_that_it_proved(own: IssuerProcess) -> None:
    async def story() -> list[str]:
        tokens, credential = Tokens([_trusting(own, refresh_s=0.0, retry_s=0.0)]), token()
        kinds = [await _kind(tokens, credential), await _kind(tokens, credential)]
        own.publish(public_jwk(EC_KEY, "ec-1"))
        for _ in range(100):
            if await _kind(tokens, credential) != "let in":
                return [*kinds, "refused"]
            await asyncio.sleep(0.02)
        return kinds

    assert asyncio.run(story()) == ["let in", "let in", "refused"]


def test_a_redirect_is_not_followed(own: IssuerProcess) -> None:
    with pytest.raises(OSError, match="302"):
        fetch_document(own.uri.replace("/keys", "/elsewhere"))
    assert own.asked == ["/elsewhere"]


def test_only_keys_that_sign_and_are_public_are_taken() -> None:
    private = {**RSAAlgorithm.to_jwk(RSA_KEY, as_dict=True), "kid": "private", "use": "sig"}
    assert "d" in private
    others = [
        private, public_jwk(RSA_KEY, "encrypts") | {"use": "enc"},
        {"kty": "oct", "kid": "shared", "k": "AAAA"},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"}, "text", {"kty": "RSA"},
        public_jwk(RSA_KEY, "one", alg="RS384"),
    ]  # fmt: skip
    keys = parse_keys(
        json.dumps({"keys": [*others, public_jwk(EC_KEY, "ec")]}).encode(), ("RS256", "RS384", "ES256")
    )
    assert set(keys) == {("one", "RS384"), ("ec", "ES256")}


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": []}', b"[" * 100_000])
def test_what_is_no_key_set_is_no_key_set(text: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        parse_keys(text, ("RS256",))


def test_a_key_set_is_fetched_once_for_many_who_wait(own: IssuerProcess) -> None:
    async def story() -> set[str]:
        keys = KeySet(replace(_trusting(own), retry_s=0.0))
        found = await asyncio.gather(*(keys.key("rsa-1", "RS256") for _ in range(20)))
        return {key.key_id for key in found if key is not None}

    assert asyncio.run(story()) == {"rsa-1"}
    assert own.asked == ["/keys"]


def test_an_access_file_leads_to_its_issuer(access_file: Callable[..., Path]) -> None:
    access = Access.of(access_file())
    scope = {"headers": [(b"authorization", f"Bearer {token(org='org-2')}".encode())]}
    assert asyncio.run(access.caller(scope)).tenant == "south"

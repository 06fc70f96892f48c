"""Tokens: a good one says who asks, and every bad one is refused for what it lacks."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.access.access import LONGEST_CREDENTIAL, Access
from serving.access.caller import Caller, Role
from serving.errors import RequestError
from tests.serving.access.issuer_process import (
    EC_KEY,
    NAME,
    OTHER_KEY,
    RSA_KEY,
    IssuerProcess,
    claims,
    public_jwk,
    public_pem,
    token,
)

GOOD = {"org": "org-1"}


def who(path: Path, *credentials: str | bytes, scheme: str = "Bearer ") -> Caller:
    """Whom a fresh service takes for the sender of these credentials, each in its own header."""
    given = [one if isinstance(one, bytes) else one.encode() for one in credentials]
    headers = [(b"host", b"x"), *((b"authorization", scheme.encode() + one) for one in given)]
    return asyncio.run(Access.of(path).caller({"headers": headers}))


def refusal(path: Path, *credentials: str | bytes, **options: str) -> RequestError:
    """Why they are refused."""
    with pytest.raises(RequestError) as told:
        who(path, *credentials, **options)
    return told.value


def _segment(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def test_a_good_token_says_who_asks(access_file: Callable[..., Path]) -> None:
    caller = who(access_file(), token(**GOOD, roles=["doctor", "board", "stranger"]))
    assert caller == Caller(f"{NAME}#app-1", "north", frozenset({Role.CLINICIAN, Role.REVIEWER}))


@pytest.mark.parametrize(
    ("key", "kid", "algorithm"),
    [(RSA_KEY, "rsa-1", "RS256"), (RSA_KEY, "rsa-1", "RS384"), (EC_KEY, "ec-1", "ES256")],
)
def test_every_allowed_signature_is_honoured(access_file, key, kid: str, algorithm: str) -> None:
    assert who(access_file(), token(key, kid, algorithm, **GOOD)).roles == {Role.APPLICATION}


@pytest.mark.parametrize(
    "scope", ["system/RiskAssessment.c", "openid system/RiskAssessment.cruds", "system/*.write"]
)
def test_backend_services_are_known_by_their_scopes(access_file, scope: str) -> None:
    caller = who(access_file(), token(org="org-2", roles=None, scope=scope))
    assert (caller.tenant, caller.roles, caller.genomic) == ("south", {Role.APPLICATION}, False)


def test_genomic_access_comes_by_role_or_by_scope(access_file) -> None:
    path = access_file()
    assert who(path, token(**GOOD, roles=["app", "genomics"])).genomic
    assert who(path, token(**GOOD, scope="system/*.rs")).genomic
    assert not who(path, token(**GOOD, scope="system/MolecularSequence.s genomics")).genomic


def test_a_claim_may_lie_within_others(access_file) -> None:
    path = access_file('roles_claim = "realm_access.roles"')
    assert who(path, token(**GOOD, roles=None, realm_access={"roles": ["board"]})).roles == {Role.REVIEWER}
    assert who(path, token(**GOOD, roles=["board"])).roles == frozenset()


BAD_CLAIMS = {
    "of another issuer": ({"iss": "https://evil.example"}, "no issuer that is trusted"),
    "of an issuer's look-alike": ({"iss": NAME + "/"}, "no issuer that is trusted"),
    "of no issuer": ({"iss": None}, "names no issuer"),
    "for another audience": ({"aud": "https://other.example"}, "another audience"),
    "for no audience": ({"aud": None}, "lacks exp, iss or aud"),
    "without an end": ({"exp": None}, "lacks exp, iss or aud"),
    "with an endless end": ({"exp": float("inf")}, "neither a key nor a token"),
    "with an end that is no number": ({"exp": "tomorrow"}, "neither a key nor a token"),
    "of nobody": ({"sub": None}, "names no subject"),
    "of somebody with a line break": ({"sub": "a\nb"}, "names no subject"),
}
BAD_TIMES = {
    "expired": (lambda now: {"exp": now - 31}, "has expired"),
    "with an end in words": (lambda now: {"exp": str(now + 60)}, "are not times"),
    "not yet valid": (lambda now: {"nbf": now + 60}, "not valid yet"),
    "issued in the future": (lambda now: {"iat": now + 60}, "not valid yet"),
    "for too long": (lambda now: {"exp": now + 3700}, "at most 3600 seconds"),
    "for too long from now": (lambda now: {"exp": now + 3700, "iat": None}, "at most 3600 seconds"),
}


@pytest.mark.parametrize("case", BAD_CLAIMS)
def test_a_token_is_refused_for_its_claims(access_file, case: str) -> None:
    changed, why = BAD_CLAIMS[case]
    told = refusal(access_file(), token(**GOOD | changed))
    assert told.kind == "invalid-credentials"
    assert why in told.summary


@pytest.mark.parametrize("case", BAD_TIMES)
def test_a_token_is_refused_for_its_times(access_file, case: str) -> None:
    changed, why = BAD_TIMES[case]
    told = refusal(access_file(), token(**GOOD | changed(int(time.time()))))
    assert told.kind == "invalid-credentials"
    assert why in told.summary


def test_leeway_forgives_clocks_that_differ_a_little(access_file) -> None:
    now = int(time.time())
    assert who(access_file(), token(**GOOD, exp=now - 20)).tenant == "north"
    assert who(access_file(), token(**GOOD, nbf=now + 20, iat=now + 20)).tenant == "north"
    assert "expired" in refusal(access_file("leeway_s = 5"), token(**GOOD, exp=now - 20)).summary


@pytest.mark.parametrize(
    ("org", "why"), [(None, "no tenant"), ("org-3", "no tenant"), (["org-1"], "no tenant")]
)
def test_a_token_of_no_tenant_is_not_permitted(access_file, org: object, why: str) -> None:
    told = refusal(access_file(), token(org=org))
    assert told.kind == "not-permitted"
    assert why in told.summary


def _unsigned(algorithm: str) -> str:
    return f"{_segment({'alg': algorithm, 'kid': 'rsa-1'})}.{_segment(claims(**GOOD))}."


def _signed_with_the_public_key() -> str:
    body = f"{_segment({'alg': 'HS256', 'kid': 'rsa-1'})}.{_segment(claims(**GOOD))}"
    signature = hmac.new(public_pem(RSA_KEY), body.encode(), "sha256").digest()
    return f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _tampered(part: int) -> str:
    parts = token(**GOOD).split(".")
    if part == 1:
        parts[1] = _segment(claims(**GOOD, roles=["operator"]))
    else:
        middle = len(parts[part]) // 2
        letter = "A" if parts[part][middle] != "A" else "B"
        parts[part] = parts[part][:middle] + letter + parts[part][middle + 1 :]
    return ".".join(parts)


FORGED = {
    "alg none": lambda: _unsigned("none"),
    "alg nOnE": lambda: _unsigned("nOnE"),
    "no signature": lambda: _unsigned("RS256"),
    "HS256 with the public key": _signed_with_the_public_key,
    "an algorithm that is not allowed": lambda: token(algorithm="PS256", **GOOD),
    "another key's signature": lambda: token(OTHER_KEY, **GOOD),
    "another kind of key's id": lambda: token(RSA_KEY, "ec-1", **GOOD),
    "an unknown kid": lambda: token(OTHER_KEY, "rsa-9", **GOOD),
    "no kid": lambda: token(kid=None, **GOOD),
    "claims altered": lambda: _tampered(1),
    "signature altered": lambda: _tampered(2),
    "a critical header nobody knows": lambda: token(**GOOD, headers={"crit": ["b65"], "b65": 1}),
    "four parts": lambda: token(**GOOD) + ".x",
    "two parts": lambda: token(**GOOD).rpartition(".")[0],
    "no token": lambda: "hello",
    "empty": lambda: "",
    "no text": lambda: b"\xff\xfe.\x00.\x01",
    "nested deeply": lambda: f"{_segment({})}.{base64.urlsafe_b64encode(b'[' * 6000).decode()}.x",
    "claims that are a list": lambda: f"{_segment({'alg': 'RS256', 'kid': 'rsa-1'})}.{_segment([1])}.AAAA",
}  # fmt: skip


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_token_is_refused(access_file, case: str) -> None:
    assert refusal(access_file(), FORGED[case]()).kind == "invalid-credentials"


@pytest.mark.parametrize(
    "case", ["alg none", "HS256 with the public key", "an algorithm that is not allowed"]
)
def test_another_algorithm_is_refused_before_any_key_is_looked_for(access_file, case: str) -> None:
    told = refusal(access_file(uri="http://127.0.0.1:9/nobody"), FORGED[case]())
    assert told.summary == "The token is signed by another algorithm than its issuer's."


def test_keys_named_in_a_token_are_never_fetched_nor_used(access_file, issuer: IssuerProcess) -> None:
    uri = issuer.uri.replace("/keys", "/forged")
    pointing = {"jku": uri, "x5u": uri, "jwk": public_jwk(OTHER_KEY, "rsa-1")}
    assert refusal(access_file(), token(OTHER_KEY, **GOOD, headers=pointing)).kind == "invalid-credentials"
    assert who(access_file(), token(**GOOD, headers=pointing)).tenant == "north"
    assert "/forged" not in issuer.asked


def test_a_credential_of_more_than_8_kb_is_refused_unread(access_file) -> None:
    long = token(**GOOD, padding="x" * LONGEST_CREDENTIAL)
    assert "at most 8192 bytes" in refusal(access_file(), long).summary


def test_one_header_of_the_bearer_scheme_is_wanted(access_file) -> None:
    path = access_file()
    assert refusal(path).kind == "unauthenticated"
    assert "one Authorization header" in refusal(path, token(**GOOD), token(**GOOD)).summary
    assert "scheme" in refusal(path, token(**GOOD), scheme="Basic ").summary
    assert who(path, token(**GOOD), scheme="bearer  ").tenant == "north"


def test_a_proved_token_is_remembered_until_it_ends(access_file) -> None:
    access, end = Access.of(access_file("leeway_s = 0")), int(time.time() + 0.7) + 1
    credential = token(**GOOD, exp=end, iat=end - 60)
    scope = {"headers": [(b"authorization", b"Bearer " + credential.encode())]}

    async def asked() -> tuple[Caller, Caller]:
        found = await access.caller(scope), await access.caller(scope)
        await asyncio.sleep(end + 0.05 - time.time())
        with pytest.raises(RequestError, match="expired"):
            await access.caller(scope)
        return found

    first, again = asyncio.run(asked())
    assert again is first

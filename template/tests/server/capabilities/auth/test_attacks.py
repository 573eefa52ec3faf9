"""Tokens that must let nobody in. Each is refused by one check, and names it."""

import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64encode

from app.core.auth import CallerDep
from tests.capabilities.auth import AUDIENCE, URL, In, Issuer, new_key, signed

SIGNATURE = "The token's signature is not valid."
UNREADABLE = "The token cannot be read."
NOT_ACCESS = "This is not an access token."
ALGORITHM = "The token is not signed by an algorithm that is taken here."
UNKNOWN_KEY = "The token's key is none of the issuer's."
OTHER_AUDIENCE = "The token is for another audience."
NO_AUDIENCE = "The token names no audience."
OTHER_ISSUER = "The token is from another issuer."
EXPIRED = "The token has expired."
TOO_EARLY = "The token is not valid yet."
SCOPES = "The token's scopes are not text."
NO_SUBJECT = "The token names no subject."


def b64(value: object) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(content).decode()


def claims(**others: object) -> dict[str, object]:
    return {"iss": URL, "aud": AUDIENCE, "sub": "eve", "exp": int(time.time()) + 600} | others


def unsigned(issuer: Issuer) -> str:
    return f"{b64({'alg': 'none', 'typ': 'at+jwt', 'kid': issuer.key.kid})}.{b64(claims())}."


def signed_by_the_public_key(issuer: Issuer) -> str:
    """HS256, with what everybody can read as its secret."""
    header = {"alg": "HS256", "typ": "at+jwt", "kid": issuer.key.kid}
    content = f"{b64(header)}.{b64(claims())}"
    secret = json.dumps(issuer.key.as_dict(private=False)).encode()
    return f"{content}.{b64(hmac.digest(secret, content.encode(), 'sha256'))}"


def signed_by_another(issuer: Issuer) -> str:
    """By a key of the attacker, under the name of the issuer's."""
    return Issuer(new_key(str(issuer.key.kid))).token()


def bringing_its_key(issuer: Issuer) -> str:
    key = new_key(str(issuer.key.kid))
    return Issuer(key).token(header={"jwk": key.as_dict(private=False)})


def of_another_type(issuer: Issuer) -> str:
    """RS256, under the name of a key on a curve."""
    header = {"alg": "RS256", "kid": issuer.key.kid, "typ": "at+jwt"}
    return signed(header, json.dumps(claims()).encode(), RSAKey.generate_key(2048))


def of_another_curve(issuer: Issuer) -> str:
    header = {"alg": "ES384", "kid": issuer.key.kid, "typ": "at+jwt"}
    return signed(header, json.dumps(claims()).encode(), ECKey.generate_key("P-384"))


def with_another_payload(issuer: Issuer) -> str:
    header, _, signature = issuer.token().split(".")
    return f"{header}.{b64(claims(sub='admin'))}.{signature}"


def without_signature(issuer: Issuer) -> str:
    return issuer.token().rpartition(".")[0] + "."


def signing(payload: bytes) -> Callable[[Issuer], str]:
    """What the issuer signs, if it signs anything."""

    def sign(issuer: Issuer) -> str:
        header = {"alg": "ES256", "typ": "at+jwt", "kid": issuer.key.kid}
        return signed(header, payload, issuer.key)

    return sign


def valid_but(**claims: Any) -> Callable[[Issuer], str]:
    return lambda issuer: issuer.token(**claims)


def header_with(**header: Any) -> Callable[[Issuer], str]:
    return lambda issuer: issuer.token(header=header)


ATTACKS: dict[str, tuple[Callable[[Issuer], str], str]] = {
    "none": (unsigned, ALGORITHM),
    "the public key as a secret": (signed_by_the_public_key, ALGORITHM),
    "an algorithm that is not taken": (of_another_curve, ALGORITHM),
    "another issuer": (valid_but(iss="https://evil.test/"), OTHER_ISSUER),
    "an issuer without its slash": (valid_but(iss=URL[:-1]), OTHER_ISSUER),
    "no issuer": (valid_but(iss=None), OTHER_ISSUER),
    "issuers": (valid_but(iss=[URL]), OTHER_ISSUER),
    "another audience": (valid_but(aud="https://other.test"), OTHER_AUDIENCE),
    "other audiences": (valid_but(aud=["https://other.test", "x"]), OTHER_AUDIENCE),
    "an audience that begins the same": (valid_but(aud=AUDIENCE + "/admin"), OTHER_AUDIENCE),
    "the beginning of the audience": (valid_but(aud=AUDIENCE[:-1]), OTHER_AUDIENCE),
    "audiences in a text": (valid_but(aud=f"x {AUDIENCE}"), OTHER_AUDIENCE),
    "no audience": (valid_but(aud=None), NO_AUDIENCE),
    "an audience of another type": (valid_but(aud={AUDIENCE: 1}), NO_AUDIENCE),
    "audiences of other types": (valid_but(aud=[AUDIENCE, 1]), NO_AUDIENCE),
    "no audiences": (valid_but(aud=[]), OTHER_AUDIENCE),
    "an ID token": (header_with(typ="JWT"), NOT_ACCESS),
    "no type": (header_with(typ=None), NOT_ACCESS),
    "another type": (header_with(typ="x/at+jwt"), NOT_ACCESS),
    "a type that is a number": (header_with(typ=7), NOT_ACCESS),
    "an ID token that says at+jwt": (valid_but(at_hash="x"), NOT_ACCESS),
    "an ID token of Keycloak": (valid_but(typ="ID"), NOT_ACCESS),
    "an ID token of Cognito": (valid_but(token_use="id"), NOT_ACCESS),  # noqa: S106
    "a kind of another type": (valid_but(typ=["Bearer"]), NOT_ACCESS),
    "expired": (valid_but(exp=In(-60)), EXPIRED),
    "no end": (valid_but(exp=None), "The token does not expire."),
    "an end that is text": (valid_but(exp="1795985360"), "The token's exp is not a time."),
    "an end that is true": (valid_but(exp=True), "The token's exp is not a time."),
    "an endless end": (valid_but(exp=float("inf")), "The token's exp is not a time."),
    "an end that is no number": (valid_but(exp=float("nan")), "The token's exp is not a time."),
    "a huge end": (valid_but(exp=10**400), "The token's exp is not a time."),
    "not valid yet": (valid_but(nbf=In(600)), TOO_EARLY),
    "a beginning that is null": (signing(json.dumps(claims(nbf=None)).encode()), "nbf"),
    "from the future": (valid_but(iat=In(600)), TOO_EARLY),
    "an unknown key": (header_with(kid="another"), UNKNOWN_KEY),
    "no key": (header_with(kid=None), "The token does not name its key."),
    "a path as a key": (header_with(kid="../../../../dev/null"), UNKNOWN_KEY),
    "an empty key": (header_with(kid=""), UNKNOWN_KEY),
    "a key that is a number": (header_with(kid=7), "The token does not name its key."),
    "a key of its own": (signed_by_another, SIGNATURE),
    "a key that it brings along": (bringing_its_key, SIGNATURE),
    "a key of another type": (of_another_type, SIGNATURE),
    "another payload": (with_another_payload, SIGNATURE),
    "no signature": (without_signature, SIGNATURE),
    "crit": (header_with(crit=["exp"], exp=1), "The token wants what this service does not"),
    "a subject of another type": (valid_but(sub=7), NO_SUBJECT),
    "no subject": (valid_but(sub=None), NO_SUBJECT),
    "an empty subject": (valid_but(sub=""), NO_SUBJECT),
    "a long subject": (valid_but(sub="x" * 256), NO_SUBJECT),
    "scopes of another type": (valid_but(scope={"items:write": True}), SCOPES),
    "scopes of other types": (valid_but(scope=["items:write", 1]), SCOPES),
    "bound to a key of its client": (valid_but(cnf={"jkt": "x"}), "The token is bound to a key"),
    "no claims": (signing(b"[]"), UNREADABLE),
    "no JSON": (signing(b"{"), UNREADABLE),
    "no text": (signing(b"\xff\xfe"), UNREADABLE),
    "deep claims": (signing(b"[" * 9000), UNREADABLE),
    "a deep header": (lambda _: f"{b64(b'[' * 4000)}.e30.x", UNREADABLE),
    "a header that is a list": (lambda _: f"{b64([])}.e30.x", UNREADABLE),
    "two parts": (lambda issuer: issuer.token().rpartition(".")[0], UNREADABLE),
    "four parts": (lambda issuer: issuer.token() + ".x", UNREADABLE),
    "opaque": (lambda _: "mF_9.B5f-4.1JqM", UNREADABLE),
    "1 MB": (lambda _: "x" * 1_000_000, "The token must not be longer than 16384 bytes."),
}


@pytest.fixture
async def attacked(issuer: Issuer, app: FastAPI) -> Issuer:
    @app.get("/things")
    async def get_things(caller: CallerDep) -> str:
        return caller.subject

    return issuer


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_token_that_is_not_valid_is_refused(
    attacked: Issuer, client: AsyncClient, attack: str
) -> None:
    forge, sentence = ATTACKS[attack]
    token = forge(attacked)

    response = await client.get("/things", headers={"Authorization": f"Bearer {token}"})

    assert response.status_code == 401, response.text
    told = response.json()["detail"]
    assert sentence in told
    challenge = f'Bearer error="invalid_token", error_description="{told}"'
    assert response.headers["WWW-Authenticate"] == challenge
    assert token not in response.text


@pytest.mark.parametrize("name", ["jku", "x5u"])
async def test_nobody_is_asked_for_a_key_that_a_token_names(
    attacked: Issuer, client: AsyncClient, name: str
) -> None:
    evil = Issuer(new_key(str(attacked.key.kid)))
    attacked.answers["/evil"] = lambda _: httpx2.Response(200, json={"keys": evil.keys})
    token = evil.token(header={name: "https://evil.test/evil"})

    response = await client.get("/things", headers={"Authorization": f"Bearer {token}"})

    assert (response.status_code, response.json()["detail"]) == (401, SIGNATURE)
    assert "/evil" not in attacked.asked


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"aud": [AUDIENCE, "https://other.test"]},
        {"exp": In(-20)},
        {"exp": In(600.5)},
        {"nbf": In(20), "iat": In(20)},
        {"iat": None, "client_id": None},
        {"scope": None},
        {"scope": ["items:read"]},
        {"sub": "x" * 255},
    ],
    ids=str,
)
async def test_a_token_at_the_edge_is_taken(
    attacked: Issuer, client: AsyncClient, given: dict[str, Any]
) -> None:
    headers = {"Authorization": f"bearer  {attacked.token(**given)}"}

    response = await client.get("/things", headers=headers)

    assert response.json() == given.get("sub", "tester")


@pytest.mark.parametrize(
    ("claim", "seconds", "is_taken"),
    [
        ("exp", 29.9, True),
        ("exp", 30, False),
        ("nbf", -30, True),
        ("nbf", -30.1, False),
        ("iat", -30, True),
        ("iat", -30.1, False),
    ],
)
async def test_clocks_may_differ_by_the_leeway_and_no_more(
    attacked: Issuer,
    client: AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    claim: str,
    seconds: float,
    is_taken: bool,
) -> None:
    at = int(time.time())
    times: dict[str, Any] = {"exp": at + 600, claim: at}
    token = attacked.token(**times)
    monkeypatch.setattr(time, "time", lambda: at + seconds)

    response = await client.get("/things", headers={"Authorization": f"Bearer {token}"})

    assert response.status_code == (200 if is_taken else 401)


@pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "application/at+jwt"])
async def test_the_type_of_an_access_token_is_written_in_several_ways(
    attacked: Issuer, client: AsyncClient, kind: str
) -> None:
    token = attacked.token(header={"typ": kind, "x5t": "x", "nonce": "x"})

    response = await client.get("/things", headers={"Authorization": f"Bearer {token}"})

    assert response.json() == "tester"

"""Which entries of the issuer's key set are used, and which algorithms they verify."""

import warnings
from collections.abc import Callable, Iterator, Mapping

import pytest
from httpx2 import AsyncClient
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from app.server.capabilities.auth.keys import usable_keys
from tests.capabilities.auth import Issuer, new_key


def short_key() -> dict[str, object]:
    with warnings.catch_warnings(action="ignore"):
        return dict(RSAKey.generate_key(1024, {"kid": "a"}).as_dict(private=False))


def entries() -> Iterator[tuple[str, Mapping[str, object], bool]]:
    curve = dict(new_key("a").as_dict(private=False))
    yield "EC", curve, True
    yield "RSA", RSAKey.generate_key(2048, {"kid": "a"}).as_dict(private=False), True
    yield "OKP", OKPKey.generate_key("Ed25519", {"kid": "a"}).as_dict(private=False), True
    yield "private", ECKey.generate_key("P-256", {"kid": "a"}).as_dict(private=True), True
    yield "short RSA", short_key(), False
    yield "a secret", OctKey.generate_key(256, {"kid": "a"}).as_dict(), False
    yield "for encryption", curve | {"use": "enc"}, False
    yield "for other operations", curve | {"key_ops": ["encrypt"]}, False
    yield "without a name", {name: curve[name] for name in curve if name != "kid"}, False
    yield "with a name of another type", curve | {"kid": 1}, False
    yield "not on its curve", curve | {"x": curve["y"]}, False
    yield "of an unknown type", {"kty": "PQC", "kid": "a"}, False


@pytest.mark.parametrize("name", [name for name, _, _ in entries()])
def test_only_keys_that_verify_signatures_are_used(name: str) -> None:
    [(entry, is_used)] = [(entry, used) for each, entry, used in entries() if each == name]

    assert list(usable_keys([entry])) == (["a"] if is_used else [])


@pytest.mark.parametrize(
    ("algorithm", "make"),
    [
        ("RS256", lambda: RSAKey.generate_key(2048, {"kid": "a"})),
        ("PS256", lambda: RSAKey.generate_key(2048, {"kid": "a"})),
        ("ES256", lambda: ECKey.generate_key("P-256", {"kid": "a"})),
        ("EdDSA", lambda: OKPKey.generate_key("Ed25519", {"kid": "a"})),
    ],
)
async def test_each_algorithm_of_the_default_is_verified(
    issuer: Issuer,
    client: AsyncClient,
    algorithm: str,
    make: Callable[[], RSAKey | ECKey | OKPKey],
) -> None:
    issuer.key = make()
    issuer.keys = [dict(issuer.key.as_dict(private=False))]
    token = issuer.token(header={"alg": algorithm})

    good = await client.get("/nowhere", headers={"Authorization": f"Bearer {token}"})
    forged = await client.get("/nowhere", headers={"Authorization": f"Bearer {token[:-8]}AAAAAAAA"})

    assert (good.status_code, forged.status_code) == (404, 401)


async def test_a_key_for_one_algorithm_verifies_no_other(
    issuer: Issuer, client: AsyncClient
) -> None:
    issuer.key = RSAKey.generate_key(2048, {"kid": "a", "alg": "PS256"})
    issuer.keys = [dict(issuer.key.as_dict(private=False))]
    statuses = []

    for algorithm in ("PS256", "RS256"):
        token = issuer.token(header={"alg": algorithm})
        response = await client.get("/nowhere", headers={"Authorization": f"Bearer {token}"})
        statuses.append(response.status_code)

    assert statuses == [404, 401]

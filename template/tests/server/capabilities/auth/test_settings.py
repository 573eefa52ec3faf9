from pathlib import Path
from typing import Any

import pytest

from app.core.config import Settings as ServiceSettings
from app.core.config import load_settings
from app.main import create_app
from app.server.capabilities.auth import Settings
from tests.capabilities.auth import In, Issuer, connected

EXAMPLE = Path(__file__).parents[4] / ".env.auth.example"


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """The sentence that ends the process."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        load_settings(Settings)
    return str(ended.value).partition("\n")[2]


@pytest.mark.parametrize("name", ["OIDC_ISSUER", "OIDC_AUDIENCE"])
@pytest.mark.parametrize("value", ["", None])
def test_an_issuer_and_an_audience_must_be_set(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    monkeypatch.delenv(name)

    assert refusal(monkeypatch, **({name: value} if value is not None else {})) == (
        f"{name}: Field required"
    )


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_plain_issuer_is_refused_where_tokens_matter(
    monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    told = refusal(monkeypatch, ENVIRONMENT=environment, OIDC_ISSUER="http://127.0.0.1:9000")

    assert told == (
        f"OIDC_ISSUER begins with http:// in {environment}, where anybody on the way could"
        " replace its keys: set it to an https:// URL, or set ENVIRONMENT=local."
    )


@pytest.mark.parametrize("environment", ["local", "test"])
def test_a_plain_issuer_is_taken_where_they_do_not(
    monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", environment)
    monkeypatch.setenv("OIDC_ISSUER", "http://127.0.0.1:9000/realms/lamps")

    assert load_settings(Settings).oidc_issuer == "http://127.0.0.1:9000/realms/lamps"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("OIDC_ISSUER", "issuer.example", "Set it to the issuer's URL, as its tokens"),
        ("OIDC_ISSUER", "file:///etc/passwd", "Set it to the issuer's URL, as its tokens"),
        ("OIDC_ISSUER", "https://user:pass@issuer.example", "Set it to the issuer's URL"),
        ("OIDC_ISSUER", "https://issuer.example/?a=b", "Set it to the issuer's URL"),
        ("OIDC_ISSUER", "https://issuer.example/\n", "Set it to the issuer's URL"),
        ("OIDC_AUDIENCE", " ", "It must not be empty, nor begin or end with a space."),
        ("OIDC_AUDIENCE", "a ", "It must not be empty, nor begin or end with a space."),
        ("OIDC_ALGORITHMS", "none", "'none' is not an asymmetric algorithm. Choose from ES256"),
        ("OIDC_ALGORITHMS", "RS256, HS256", "'HS256' is not an asymmetric algorithm."),
        ("OIDC_ALGORITHMS", " , ", "Name one at least, with commas between them."),
        ("OIDC_TOKEN_TYPES", ",", "Name one at least, with commas between them."),
        ("OIDC_SCOPE_CLAIM", ",", "Name one at least, with commas between them."),
        ("OIDC_LEEWAY_SECONDS", "301", "Input should be less than or equal to 300"),
        ("OIDC_TIMEOUT_SECONDS", "0", "Input should be greater than 0"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    told = refusal(monkeypatch, **{name: value})

    assert told.startswith(f"{name}: {sentence}")
    assert "user:pass" not in told


@pytest.mark.parametrize("name", ["OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"])
def test_a_client_without_its_secret_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert refusal(monkeypatch, **{name: "x"}).startswith(
        "OIDC_CLIENT_ID and OIDC_CLIENT_SECRET go together"
    )


def test_every_setting_is_in_the_example_env_file() -> None:
    text = EXAMPLE.read_text()

    missing = [name for name in Settings.model_fields if f"\n# {name.upper()}=" not in text]
    assert missing == ["environment"]  # which the service's own example has


async def answer_to(
    settings: ServiceSettings, token: str, path: str = "/nowhere"
) -> tuple[int, str]:
    async with connected(create_app(settings), token) as client:
        response = await client.get(path)
    return response.status_code, str(response.json()["detail"])


@pytest.mark.parametrize(
    ("types", "given", "status"),
    [
        ("JWT", "JWT", 404),
        ("JWT", "at+jwt", 401),
        ("JWT", None, 401),
        ("at+jwt, JWT", "jwt", 404),
        ("none", None, 404),
        ("none", "JWT", 401),
    ],
)
async def test_the_types_of_tokens_are_set(
    issuer: Issuer,
    settings: ServiceSettings,
    monkeypatch: pytest.MonkeyPatch,
    types: str,
    given: str | None,
    status: int,
) -> None:
    monkeypatch.setenv("OIDC_TOKEN_TYPES", types)

    token = issuer.token(header={"typ": given})

    assert (await answer_to(settings, token))[0] == status


@pytest.mark.parametrize(
    ("seconds", "ago", "status"), [("0", 1, 401), ("0", -5, 404), ("300", 290, 404)]
)
async def test_the_leeway_is_set(
    issuer: Issuer,
    settings: ServiceSettings,
    monkeypatch: pytest.MonkeyPatch,
    seconds: str,
    ago: int,
    status: int,
) -> None:
    monkeypatch.setenv("OIDC_LEEWAY_SECONDS", seconds)

    token = issuer.token(exp=In(-ago))

    assert (await answer_to(settings, token))[0] == status


@pytest.mark.parametrize(
    ("setting", "claims", "scopes"),
    [
        ("scp", {"scp": "a b"}, {"a", "b"}),
        ("scp", {"scp": ["a", "b"]}, {"a", "b"}),
        ("realm_access.roles", {"realm_access": {"roles": ["a"]}}, {"a"}),
        ("realm_access.roles", {"realm_access": ["roles"]}, set()),
        ("https://acme.example/roles", {"https://acme.example/roles": ["a"]}, {"a"}),
        ("scope,permissions", {"permissions": ["a"], "scope": "b"}, {"a", "b"}),
        ("roles", {}, set()),
    ],
)
async def test_the_claims_of_scopes_are_set(
    issuer: Issuer,
    settings: ServiceSettings,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    claims: dict[str, Any],
    scopes: set[str],
) -> None:
    monkeypatch.setenv("OIDC_SCOPE_CLAIM", setting)
    app = create_app(settings)

    token = issuer.token(**({"scope": None} | claims))
    scope = {"headers": [(b"authorization", f"Bearer {token}".encode())]}

    assert (await app.state.verifier.caller(scope)).scopes == scopes


async def test_the_claim_of_the_audience_is_set(
    issuer: Issuer, settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OIDC_AUDIENCE_CLAIM", "client_id")
    monkeypatch.setenv("OIDC_AUDIENCE", "tests")

    right = await answer_to(settings, issuer.token(aud=None))
    wrong = await answer_to(settings, issuer.token(aud="tests", client_id="other"))

    assert right[0] == 404
    assert wrong == (401, "The token is for another audience.")

"""The issuer of `make dev`, whose tokens `make token` prints."""

import os
import stat
from pathlib import Path

import httpx2
import pytest

from app.core.config import Settings
from app.main import create_app
from dev import issuer
from dev.beside import issuer as beside
from tests.capabilities.auth import connected


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service in `local`, without an issuer of its own."""
    for name in ("OIDC_ISSUER", "OIDC_AUDIENCE", "ENVIRONMENT"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(issuer, "FOLDER", tmp_path / ".issuer")
    monkeypatch.setattr(issuer, "ROOT", tmp_path)
    return tmp_path


async def test_the_first_authenticated_request_needs_no_provider(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real_client = httpx2.AsyncClient(trust_env=False)
    monkeypatch.setattr("app.server.capabilities.auth.provider.new_client", lambda _: real_client)
    with beside.running(8000):
        app = create_app(settings)
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.delenv("OIDC_ISSUER")  # it is another process that prints a token
            code = issuer.main(["--scope", "items:read", "--subject", "ada"])
        token = capsys.readouterr().out.strip()
        async with real_client, connected(app, token) as client:
            response = await client.get("/nowhere")
        scope = {"headers": [(b"authorization", f"Bearer {token}".encode())]}
        caller = await app.state.verifier.caller(scope)

    assert code == 0
    assert response.status_code == 404
    assert (caller.subject, caller.scopes) == ("ada", {"items:read"})
    assert "OIDC_ISSUER" not in os.environ


def test_the_key_is_made_once_and_for_its_owner_alone(at_home: Path) -> None:
    first, second = issuer.load_key(issuer.FOLDER), issuer.load_key(issuer.FOLDER)

    mode = (at_home / ".issuer" / "key.json").stat().st_mode
    assert first.kid == second.kid
    assert stat.S_IMODE(mode) == 0o600
    assert (at_home / ".issuer" / ".gitignore").read_text() == "*\n"


def test_it_has_the_same_address_at_the_next_start_and_shows_no_private_key() -> None:
    with issuer.serving(issuer.FOLDER) as first:
        keys = httpx2.get(f"{first}/keys", trust_env=False).json()["keys"]
        missing = httpx2.get(f"{first}/token", trust_env=False).status_code
        with issuer.serving(issuer.FOLDER) as other:  # another `make dev` at the same time
            pass
    with issuer.serving(issuer.FOLDER) as again:
        pass

    assert first.startswith("http://127.0.0.1:")
    assert other != first
    assert again == other
    assert "d" not in keys[0]
    assert missing == 404


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("OIDC_ISSUER", "https://issuer.example", "OIDC_ISSUER is https://issuer.example: get a"),
        ("ENVIRONMENT", "production", "ENVIRONMENT is production: this issuer is for local alone."),
    ],
)
@pytest.mark.parametrize("in_file", [True, False])
def test_it_refuses_where_it_does_not_belong(
    at_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    sentence: str,
    in_file: bool,
) -> None:
    if in_file:
        monkeypatch.setenv("ENV_FILE", ".env")
        (at_home / ".env").write_text(f"{name}={value}\n")
    else:
        monkeypatch.setenv(name, value)

    with beside.running(8000):
        code = issuer.main([])

    assert code == 1
    assert capsys.readouterr().err.startswith(sentence)
    assert not (at_home / ".issuer").exists()


def test_a_token_before_the_first_start_says_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert issuer.main([]) == 1
    told = capsys.readouterr().err
    assert told == "The issuer has not been started yet: run make dev, then make token again.\n"

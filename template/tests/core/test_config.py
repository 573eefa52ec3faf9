import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.core.config import Settings, load_settings
from dev.run import configured_url

TESTS = Path(__file__).parents[1]
EXAMPLE = (TESTS.parent / ".env.example").read_text()


def test_every_setting_is_in_the_example_env_file() -> None:
    told = set(re.findall(r"^# ([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    settings = {name.upper() for name in Settings.model_fields}

    assert not settings - told, f"Add to .env.example: {', '.join(settings - told)}"
    assert not told - settings, f"No setting reads, in .env.example: {', '.join(told - settings)}"


def test_the_example_env_file_tells_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        name: value
        for name, value in re.findall(r"^# ([A-Z_]+)=(.+)$", EXAMPLE, re.MULTILINE)
        if name != "POSTGRES_URL"
    }
    monkeypatch.delenv("ENVIRONMENT")

    defaults = Settings()
    for name, value in told.items():
        monkeypatch.setenv(name, value)

    assert Settings() == defaults


def test_a_process_with_wrong_settings_ends_with_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTGRES_URL")
    monkeypatch.setenv("ENVIRONMENT", "prod")
    monkeypatch.setenv("MAX_BODY_BYTES", "a lot")

    with pytest.raises(SystemExit) as ended:
        load_settings(Settings)

    assert str(ended.value).splitlines() == [
        "The settings are not valid; .env.example lists all.",
        "ENVIRONMENT: Set it to local (for development), test, staging or production.",
        "POSTGRES_URL: Field required",
        "MAX_BODY_BYTES: Input should be a valid integer, unable to parse string as an integer",
    ]


def test_without_a_postgres_url_the_message_names_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("POSTGRES_URL")

    with pytest.raises(ValidationError) as error:
        Settings()

    assert [(problem["loc"], problem["msg"]) for problem in error.value.errors()] == [
        (("POSTGRES_URL",), "Field required")
    ]


def test_database_url_serves_where_postgres_url_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTGRES_URL")
    monkeypatch.setenv("DATABASE_URL", "postgres://platform/app")

    assert Settings().postgres_url.get_secret_value() == "postgresql://platform/app"


@pytest.mark.parametrize(
    "origins",
    [
        "shop.example",
        "https://shop.example/",
        "https://a.example, https://b.example",
        "null",
        "*,*",
    ],
)
def test_an_origin_is_a_scheme_and_a_host(origins: str) -> None:
    with pytest.raises(ValidationError) as error:
        Settings(cors_origins=origins)

    assert [problem["loc"] for problem in error.value.errors()] == [("cors_origins",)]


def test_a_url_of_another_database_is_refused_without_showing_it() -> None:
    with pytest.raises(ValidationError) as error:
        Settings(postgres_url="mysql://root:hunter2@localhost/app")

    assert "A Postgres URL starts with postgresql:// (or postgres://)." in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_sqlalchemy_url_loses_its_driver() -> None:
    settings = Settings(postgres_url="postgresql+asyncpg://localhost/app")

    assert settings.postgres_url.get_secret_value() == "postgresql://localhost/app"


def test_secrets_are_not_shown() -> None:
    settings = Settings(postgres_url="postgresql://app:hunter2@localhost/app")

    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().debug = True  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_debug_is_refused_where_customers_are(environment: str) -> None:
    with pytest.raises(ValidationError) as error:
        Settings(debug=True, environment=environment)

    assert [problem["msg"] for problem in error.value.errors()] == [
        f"Value error, DEBUG logs every statement and must not be on in {environment}:"
        " unset DEBUG, or set ENVIRONMENT=local."
    ]


@pytest.mark.parametrize(
    ("environment", "given", "delay"),
    [("local", None, 0), ("test", None, 0), ("production", None, 5), ("production", 2, 2)],
)
def test_the_service_drains_where_there_is_a_balancer(
    environment: str, given: float | None, delay: float
) -> None:
    settings = Settings(environment=environment, shutdown_drain_seconds=given)

    assert settings.drain_seconds == delay


@pytest.mark.parametrize(
    "text",
    [
        "# theirs\n\nPOSTGRES_URL=postgresql://u@elsewhere/db",
        "DB_HOST=elsewhere\nPOSTGRES_URL=postgresql://u@${DB_HOST}/db",
        "POSTGRES_URL=postgresql://u@${NO_HOST:-elsewhere}/db",
        "export DATABASE_URL = 'postgresql://u@elsewhere/db' # theirs",
        'postgres_url="postgresql://u@elsewhere/db"',
        "POSTGRES_URL=\nDATABASE_URL=postgresql://u@elsewhere/db",
        "POSTGRES_URL=postgresql://u@elsewhere/db\nDATABASE_URL=postgresql://u@another/db",
        "POSTGRES_URL=postgresql://u@elsewhere/db\npostgres_url=",
    ],
)
def test_make_dev_and_the_service_read_the_same_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    monkeypatch.delenv("POSTGRES_URL")
    monkeypatch.setenv("ENV_FILE", str(tmp_path / "env"))
    (tmp_path / "env").write_text(text)

    settings = Settings(_env_file=(TESTS / "settings.env", tmp_path / "env"))
    urls = [configured_url(), settings.postgres_url.get_secret_value()]

    assert urls == ["postgresql://u@elsewhere/db"] * 2


@pytest.mark.parametrize(
    ("environment", "url", "expected"),
    [
        ("local", "postgresql://app@db.example.org/app?sslmode=require", True),
        ("local", "postgresql://app@localhost,db.example.org/app?sslmode=verify-full", True),
        ("production", "postgresql://app@db.example.org/app?sslmode=require", False),
        ("local", "postgresql://app@db.example.org/app", False),
        ("local", "postgresql://app@[::1]:5433,127.0.0.1/app?sslmode=require", False),
        ("local", "postgresql:///app?host=/tmp&sslmode=require", False),
    ],
)
def test_a_local_service_with_a_database_elsewhere_may_be_production(
    environment: str, url: str, expected: bool
) -> None:
    settings = Settings.model_validate({"environment": environment, "postgres_url": url})

    assert settings.may_be_production == expected


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUTDOWN_DRAIN_SECONDS", "")

    assert Settings().shutdown_drain_seconds is None


def test_another_file_of_settings_can_be_named() -> None:
    assert Settings.model_config["env_file"] == os.environ["ENV_FILE"]

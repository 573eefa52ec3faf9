"""Configuration: every value that the service reads from its environment."""

import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar, get_args

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.postgres.url import is_on_this_machine, normalize

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def _normalize(url: SecretStr) -> SecretStr:
    return SecretStr(normalize(url.get_secret_value()))


def _check_environment(name: object) -> object:
    if name not in get_args(EnvironmentName):
        raise ValueError("Set it to local (for development), test, staging or production.")
    return name


EnvironmentName = Literal["local", "test", "staging", "production"]
PostgresUrl = Annotated[SecretStr, AfterValidator(_normalize)]
# Names with commas between them; `*.` stands for any subdomain, `*` alone for every host.
TRUSTED_HOSTS = r"^(\*|(\*\.)?[A-Za-z0-9.:-]+(,(\*\.)?[A-Za-z0-9.:-]+)*)$"
# `*`, or origins with commas between them: a scheme and a host, without a path.
CORS_ORIGINS = r"^(\*|https?://[A-Za-z0-9.:-]+(,https?://[A-Za-z0-9.:-]+)*)?$"
Seconds = Annotated[float, Field(gt=0, le=3600)]


class EnvironmentSettings(BaseSettings):
    """Settings read from environment variables, then from `.env`.

    `ENV_FILE` names another file than `.env`. Raises `ValidationError` for settings that are
    missing, wrong or unsafe; its message names the variables and never shows their values.
    """

    model_config = SettingsConfigDict(
        env_file=os.environ.get("ENV_FILE", ".env"),
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )


class Settings(EnvironmentSettings):
    """The service's settings."""

    service_name: str = PROJECT["name"]
    environment: Annotated[EnvironmentName, BeforeValidator(_check_environment)] = "local"
    debug: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "pretty"] = "auto"

    postgres_url: PostgresUrl = Field(validation_alias=AliasChoices("POSTGRES_URL", "DATABASE_URL"))
    postgres_replica_url: PostgresUrl | None = None
    postgres_replica_max_lag_seconds: Seconds = 10
    postgres_replica_fallback: bool = True
    postgres_replica_required: bool = False
    postgres_migration_url: PostgresUrl | None = None
    postgres_pooler: Literal["none", "transaction"] = "none"
    postgres_pooler_prepared_statements: bool = True
    postgres_schema: str = Field(default="public", pattern=r"^[a-z_][a-z0-9_]*$")
    postgres_pool_size: int = Field(default=10, ge=1)
    # Connections of the overflow are closed after each use.
    postgres_pool_max_overflow: int = Field(default=0, ge=0)
    postgres_pool_timeout_seconds: Seconds = 3
    postgres_pool_recycle_seconds: Seconds = 1800
    postgres_connect_timeout_seconds: Seconds = 3
    postgres_statement_timeout_seconds: Seconds = 10
    postgres_lock_timeout_seconds: Seconds = 3
    postgres_idle_in_transaction_timeout_seconds: Seconds = 30

    migration_lock_timeout_seconds: Seconds = 2
    migration_statement_timeout_seconds: Seconds = 60
    migration_attempts: int = Field(default=10, ge=1)

    max_body_bytes: int = Field(default=1_048_576, ge=0)
    body_timeout_seconds: Seconds = 30
    request_timeout_seconds: Seconds = 60
    trusted_hosts: str = Field(default="*", pattern=TRUSTED_HOSTS)
    cors_origins: str = Field(default="", pattern=CORS_ORIGINS)
    docs: bool | None = None
    hsts_seconds: int = Field(default=0, ge=0)
    ready_timeout_seconds: Annotated[float, Field(gt=0, le=1)] = 0.9
    shutdown_drain_seconds: Annotated[float, Field(ge=0, le=60)] | None = None

    # The service's own settings:

    @property
    def has_docs(self) -> bool:
        """`docs`; if unset, whether the service is not open to everybody."""
        return self.environment in ("local", "test") if self.docs is None else self.docs

    @property
    def drain_seconds(self) -> float:
        """`shutdown_drain_seconds`; if unset, 5 where a load balancer must notice, 0 elsewhere."""
        if self.shutdown_drain_seconds is not None:
            return self.shutdown_drain_seconds
        return 0 if self.environment in ("local", "test") else 5

    @property
    def may_be_production(self) -> bool:
        """Whether ENVIRONMENT seems forgotten: no terminal, and a database elsewhere, by TLS."""
        url = self.postgres_url.get_secret_value()
        elsewhere = re.search(r"[?&]sslmode=(require|verify-)", url) and not is_on_this_machine(url)
        return self.environment == "local" and bool(elsewhere) and not sys.stdout.isatty()

    @model_validator(mode="after")
    def _refuse_unsafe_combinations(self) -> Self:
        if self.debug and self.environment in ("staging", "production"):
            raise ValueError(
                f"DEBUG logs every statement and must not be on in {self.environment}:"
                " unset DEBUG, or set ENVIRONMENT=local."
            )
        return self


AnySettings = TypeVar("AnySettings", bound=EnvironmentSettings)


def load_settings(kind: type[AnySettings]) -> AnySettings:
    """Settings for the process, which ends with a sentence for each that is missing or wrong."""
    try:
        return kind()
    except ValidationError as error:
        told = [": ".join((*map(str.upper, map(str, e["loc"])), e["msg"])) for e in error.errors()]
        text = "\n".join(["The settings are not valid; .env.example lists all.", *told])
        sys.exit(text.replace("Value error, ", ""))


settings = load_settings(Settings)

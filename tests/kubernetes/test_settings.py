"""What the manifests tell the service is what it reads: settings, probes, roles."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.kubernetes.conftest import Built
from tests.kubernetes.manifests import Manifests, walk
from tests.support.services import Environment
from tests.support.serving import new_database, sql, temporary_server

pytestmark = [pytest.mark.slow, pytest.mark.system]

ALL: dict[str, Any] = {"auth": "oidc", "jobs": True, "telemetry": True}
# libpq's, of which a URL is composed; uvicorn's.
OF_OTHERS = {"PGUSER", "PGPASSWORD", "FORWARDED_ALLOW_IPS"}
FIELDS = """
import json
from app.core.config import EnvironmentSettings
from app.core.jobs.settings import JobSettings
from app.main import app

def below(kind):
    return {kind, *(one for sub in kind.__subclasses__() for one in below(sub))}

names = {name for kind in below(EnvironmentSettings) for name in kind.model_fields}
print(json.dumps([sorted(names), sorted(app.openapi()["paths"])]))
"""
LOADED = """
from app.core.config import EnvironmentSettings, load_settings
import app.core.jobs.settings, app.main

def below(kind):
    return {kind, *(one for sub in kind.__subclasses__() for one in below(sub))}

for kind in below(EnvironmentSettings) - {EnvironmentSettings}:
    load_settings(kind)
"""


@pytest.fixture(scope="module")
def service(render: Callable[..., Path]) -> Path:
    return render(kubernetes=True, **ALL)


@pytest.fixture(scope="module")
def python(
    service: Path, everything: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., str]:
    """Runs a program with the service's modules; it prints nothing else."""

    bin_ = everything.folder / "bin"

    def python(program: str, **variables: str) -> str:
        settings = [f"{name}={value}" for name, value in variables.items()]
        command = ("env", f"PYTHONPATH={service}", *settings, f"{bin_}/python", "-c", program)
        return everything.run(tmp_path_factory.mktemp("elsewhere"), *command).stdout

    return python


@pytest.fixture(scope="module")
def known(python: Callable[..., str]) -> tuple[set[str], set[str]]:
    """The variables that the service reads, and the paths that it answers."""
    needed = {
        "POSTGRES_URL": "postgresql://localhost/app",
        "OIDC_ISSUER": "https://issuer.example.com/",
        "OIDC_AUDIENCE": "service",
    }
    fields, paths = json.loads(python(FIELDS, **needed).splitlines()[-1])
    return {name.upper() for name in fields}, set(paths)


def test_every_variable_is_a_field_of_our_settings(
    manifests: Manifests, known: tuple[set[str], set[str]]
) -> None:
    for name in manifests.own_pods:
        assert set(manifests.environment(name)) - known[0] - OF_OTHERS == set()


def test_every_probe_asks_what_the_service_answers(
    manifests: Manifests, known: tuple[set[str], set[str]]
) -> None:
    asked = {
        path.rsplit("/", 3)[-3]: value
        for path, value in walk(manifests.pods["web"]["spec"])
        if path.endswith("httpGet/path")
    }

    assert asked == {
        "startupProbe": "/health/live",
        "readinessProbe": "/health/ready",
        "livenessProbe": "/health/live",
    }
    assert set(asked.values()) <= known[1]


@pytest.mark.parametrize("overlay", ["staging", "production", "local"])
def test_the_service_takes_the_settings_of_an_overlay(
    built: Built, python: Callable[..., str], overlay: str
) -> None:
    manifests = built(overlay, **ALL)

    for pod in manifests.own_pods:
        given = manifests.environment(pod)
        url = "postgresql://localhost/app"
        told = {
            name: url if value.startswith("<") and name.endswith("URL") else value
            for name, value in given.items()
        }
        assert python(LOADED, **{name: re.sub(r"<.*?>", "x", v) for name, v in told.items()}) == ""


def test_the_service_reads_and_writes_what_the_owner_makes_and_owns_nothing(
    built: Built, service: Path, everything: Environment
) -> None:
    bootstrap = built("production", **ALL).one("Cluster", "database")["spec"]["bootstrap"]
    with temporary_server() as superuser:
        sql(superuser, "CREATE ROLE owner LOGIN")
        database = new_database(superuser)
        sql(superuser, f"ALTER DATABASE {urlsplit(database).path[1:]} OWNER TO owner")
        for statement in bootstrap["initdb"]["postInitApplicationSQL"]:
            sql(database, statement)
        as_owner, as_service = (as_role(database, role) for role in ("owner", "service"))
        everything.run(
            service,
            *("env", f"POSTGRES_URL={as_owner}", "ENVIRONMENT=test", "ENV_FILE=tests/settings.env"),
            *(str(everything.folder / "bin/alembic"), "upgrade", "head"),
        )

        sql(as_service, "INSERT INTO item (id, name) VALUES (gen_random_uuid(), 'lamp')")
        sql(as_service, "DELETE FROM jobs.pgqueuer")
        refused = {
            statement: refusal(as_service, statement)
            for statement in ("DROP TABLE item", "CREATE TABLE mine ()", "TRUNCATE item")
        }

    assert set(refused.values()) == {"42501"}


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{role}@{parts.netloc.rpartition('@')[2]}").geturl()


def refusal(url: str, statement: str) -> str | None:
    """The SQLSTATE with which Postgres refuses it."""
    try:
        sql(url, statement)
    except Exception as error:
        return getattr(error, "sqlstate", None)
    return None


def test_the_role_has_the_limits_that_reads_through_a_pooler_leave_to_it(
    built: Built, python: Callable[..., str]
) -> None:
    manifests = built("production", **ALL)
    cluster = manifests.one("Cluster", "database")["spec"]
    given = [
        one
        for one in cluster["bootstrap"]["initdb"]["postInitApplicationSQL"]
        if one.startswith("ALTER ROLE")
    ]
    url = "postgresql://service@pooler-rw/app"
    settings = {"OIDC_ISSUER": "https://issuer.example.com/", "OIDC_AUDIENCE": "service"}

    program = "from dev.pooler_sql import *; print(pooler_sql(settings), end='')"
    printed = python(program, POSTGRES_URL=url, ENVIRONMENT="production", **settings)

    wanted = [line.rstrip(";").replace('"', "") for line in printed.splitlines()]
    assert given == [line for line in wanted if line.startswith("ALTER ROLE")]

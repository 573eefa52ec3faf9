"""Services whose queue an older PgQueuer made get what the installed one needs."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.postgres import faulty_postgres
from tests.support.services import Environment
from tests.support.serving import sql

pytestmark = pytest.mark.slow
# Releases with other tables, indexes or functions than the next one.
OLDER = ("1.3.2", "1.4.0", "1.5.0")
# An older one lacks what the service imports from the installed one, but for its SQL.
WRITE = """
import asyncio, sys, types
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.domain.settings import DBSettings
schema = ("pgqueuer.domain.schema", "pgqueuer.domain.schema.model")
for name in (*schema, "app.core.jobs.queries"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].Plan = sys.modules[name].queries_on = object
    sys.modules[name].BUILDERS = [QueryBuilderEnvironment(DBSettings(db_schema="jobs"))]
from dev import jobs_migration
asyncio.run(jobs_migration.main(["--first"]))
"""
ADD = "INSERT INTO jobs.pgqueuer (priority, status, entrypoint) VALUES (0, 'queued', 'a.b')"


def write_migration_of(version: str, service: Path, variables: dict[str, str], to: Path) -> None:
    """As if the service had got its queue when this was the newest PgQueuer."""
    [migration] = (service / "migrations/versions").glob("*_create_jobs.py")
    migration.unlink()
    uv, package = os.environ.get("UV", "uv"), f"pgqueuer=={version}"
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--target", str(to), package]
    subprocess.run([*install, "--python", sys.executable], check=True)
    subprocess.run(
        [f"{variables['UV_PROJECT_ENVIRONMENT']}/bin/python", "-c", WRITE],
        cwd=service,
        env=variables | {"PYTHONPATH": str(to), "POSTGRES_URL": "postgresql:///none"},
        check=True,
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each older one with --full, else the oldest, which lacks most."""
    if "version" in metafunc.fixturenames:
        full = metafunc.config.getoption("--full")
        metafunc.parametrize("version", OLDER if full else OLDER[:1])


def test_a_queue_of_an_older_pgqueuer_is_brought_forward_with_the_jobs_in_it(
    version: str, service_with_jobs: Path, environment_of_jobs: Environment, tmp_path: Path
) -> None:
    variables: dict[str, Any] = environment_of_jobs.variables
    write_migration_of(version, service_with_jobs, variables, tmp_path / "older")
    python = environment_of_jobs.folder / "bin/python"

    with faulty_postgres() as server:

        def run(*command: str | Path) -> str:
            environment = variables | {"POSTGRES_URL": server.url()}
            options: dict[str, Any] = {"cwd": service_with_jobs, "env": environment, "text": True}
            return str(subprocess.run(command, check=True, stdout=-1, **options).stdout)

        run(python, "-m", "alembic", "upgrade", "head")
        sql(server.url(), ADD)
        environment_of_jobs.run(service_with_jobs, "make", "--dry-run", "check")  # makes uv.lock
        run("make", "jobs-migration")
        [written] = (service_with_jobs / "migrations/versions").glob("*_upgrade_jobs.py")
        said = run("make", "jobs-migration")

        assert said.splitlines()[-1] == "The queue is as the installed PgQueuer wants it."
        left = "SELECT entrypoint, status::text FROM jobs.pgqueuer"
        assert sql(server.url(), left) == [("a.b", "queued")]
        run(python, "-m", "dev.lint_migrations")
        run(python, "-m", "pytest", "-q", "tests/worker/test_tables.py")
    assert "op.get_context().autocommit_block()" in written.read_text()

"""A service never migrates when it starts, and is ready when its schema exists."""

import pytest

from tests.migrations.project import Project
from tests.support.serving import free_port, serving, sql

pytestmark = pytest.mark.slow


def test_a_service_waits_for_its_schema_and_stays_ready_on_a_newer_one(project: Project) -> None:
    first, port = project.head, free_port()
    python = project.environment.folder / "bin" / "python"
    command = [str(python), "-m", "uvicorn", "app.main:app", f"--port={port}"]
    with serving(command, project.folder, project.variables(), port, project.logs) as served:
        served.wait_until_it_answers("/health/live")
        empty = served.get("/health/ready")
        tables = sql(project.url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        project.migrate()
        migrated = served.get("/health/ready")
        sql(project.url, "UPDATE alembic_version SET version_num = 'newer'")
        ahead = served.get("/health/ready")
        created = served.request("POST", "/items", json={"name": "lamp"})
    project.add("next", "pass")
    sql(project.url, f"UPDATE alembic_version SET version_num = '{first}'")
    with serving(command, project.folder, project.variables(), port, project.logs) as served:
        served.wait_until_it_answers("/health/live")
        behind = served.get("/health/ready")

    assert (empty.status_code, empty.json()["detail"]) == (
        503,
        f"The schema is at no revision, the code wants {first}.",
    )
    assert tables == []
    assert (migrated.status_code, ahead.status_code, created.status_code) == (200, 200, 201)
    assert (behind.status_code, behind.json()["detail"]) == (
        503,
        f"The schema is at {first}, the code wants {project.head}.",
    )


def test_a_service_without_migrations_is_ready(project: Project) -> None:
    project.migrations[0].unlink()
    port = free_port()
    python = project.environment.folder / "bin" / "python"
    command = [str(python), "-m", "uvicorn", "app.main:app", f"--port={port}"]
    with serving(command, project.folder, project.variables(), port, project.logs) as served:
        served.wait_until_it_answers("/health/ready")
    project.run("dev.lint_migrations", environment="local")
    project.migrate()

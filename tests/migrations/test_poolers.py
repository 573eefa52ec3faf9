"""Migrations go past a pooler, and the limits of its role are printed for somebody to review."""

import re

import pytest

from tests.faults.postgres import FaultyPostgres
from tests.migrations.project import Project
from tests.support.serving import sql

pytestmark = pytest.mark.slow

REFUSED = (
    "POSTGRES_POOLER is transaction, and migrations go past the pooler: set POSTGRES_MIGRATION_URL"
    " to the address of Postgres itself."
)


def test_migrations_go_past_a_pooler(project: Project) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nowhere"

    refused = project.run(
        "alembic", "upgrade", "head", postgres_pooler="transaction", postgres_url=nowhere, code=255
    )
    migrated = project.migrate(
        postgres_pooler="transaction", postgres_url=nowhere, postgres_migration_url=project.url
    )

    assert REFUSED in refused.said
    assert "Traceback" not in refused.said
    assert migrated.migrated == [f"-> {project.head}"]


def test_the_limits_of_the_role_are_printed_as_sql(
    project: Project, postgres: FaultyPostgres
) -> None:
    sql(postgres.url(), 'CREATE ROLE "a ""b" LOGIN')

    printed = project.run(
        "dev.pooler_sql",
        postgres_url="postgresql://a%20%22b:secret@127.0.0.1:6432/service?application_name=x",
        postgres_statement_timeout_seconds="0.5",
        postgres_schema="sales",
    )
    for statement in re.findall(r"^ALTER .*;$", printed.said, re.MULTILINE):
        sql(postgres.url(), statement)

    assert sql(postgres.url(), "SELECT rolconfig FROM pg_roles WHERE rolname = 'a \"b'") == [
        (
            [
                "statement_timeout=500",
                "lock_timeout=3000",
                "idle_in_transaction_session_timeout=30000",
                "search_path=sales",
                "jit=off",
            ],
        )
    ]
    assert printed.said.splitlines()[0] == (
        "-- For the role of POSTGRES_URL."
        " Review it, run it past the pooler, then RECONNECT in PgBouncer."
    )

"""Where migrations run: URLs, roles, schemas, the caller's connection, and no connection."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import asyncpg
import pytest

from tests.faults.postgres import FaultyPostgres
from tests.migrations.project import Project
from tests.support.serving import free_port, new_database, serving, sql

pytestmark = pytest.mark.slow

PASSWORD = "100%41 p@ss:w/o?rd#&=é'"  # decoded twice, `%41` becomes A
NOWHERE = "postgresql://nobody@127.0.0.1:1/nowhere"
# What a script has to get right: values, limits, transactions, comments, percent signs.
MIGRATIONS: dict[str, list[str]] = {
    "columns": [
        "op.execute(\"SET LOCAL statement_timeout = '10min'\")",
        'state = sa.Enum("new", "100% \'used\'", name="state")',
        "state.create(op.get_bind())",
        'op.add_column("item", sa.Column("state", state))',
    ],
    "index": [
        "with op.get_context().autocommit_block():",
        '    op.execute("SET lock_timeout = 0")',
        '    op.create_index("item_updated_at_idx", "item", ["updated_at"],',
        "        postgresql_concurrently=True)",
    ],
    "rows": [
        'columns = [sa.column("id", sa.Uuid()), sa.column("name", sa.Text())]',
        'item = sa.table("item", *columns)',
        "op.bulk_insert(item,",
        '    [{"id": "00000000-0000-0000-0000-000000000001", "name": "a\'b %s :c \\\\"}])',
        'op.execute(item.update().values(name=item.c.name + "\'s: %"))',
        "op.execute(\"UPDATE item SET created_at = 'epoch', updated_at = 'epoch', \"",
        "    \"name = name || '100%' WHERE name LIKE 'a%'\")",
    ],
}


@pytest.fixture
def role_url(project: Project, postgres: FaultyPostgres) -> Iterator[str]:
    """The URL of a role that owns the project's database and needs a password."""
    role, database = f"owner_{uuid4().hex}", urlsplit(project.url).path[1:]
    literal = PASSWORD.replace("'", "''")
    sql(postgres.url(), f"CREATE ROLE {role} LOGIN PASSWORD '{literal}'")
    sql(postgres.url(), f"ALTER DATABASE {database} OWNER TO {role}")
    rules = postgres.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"host all {role} all scram-sha-256\n{before}")
    sql(postgres.url(), "SELECT pg_reload_conf()")
    url = urlsplit(project.url)
    address = f"127.0.0.1:{url.port}"
    yield url._replace(netloc=f"{role}:{quote(PASSWORD, safe='')}@{address}").geturl()
    rules.write_text(before)
    sql(postgres.url(), "SELECT pg_reload_conf()")


async def is_refused(url: str) -> bool:
    try:
        await (await asyncpg.connect(url)).close()
    except asyncpg.InvalidPasswordError:
        return True
    return False


def test_a_role_with_any_password_migrates(project: Project, role_url: str) -> None:
    wrong = role_url.replace("%25", "%26")
    assert asyncio.run(is_refused(wrong)), "The server asks for no password."

    as_migrations = project.migrate(postgres_url=NOWHERE, postgres_migration_url=role_url)
    as_service = project.run("alembic", "current", postgres_url=role_url)
    refused = project.run("alembic", "current", postgres_url=wrong, code=1)

    [role] = sql(project.url, "SELECT tableowner::text FROM pg_tables WHERE tablename = 'item'")
    assert role == (urlsplit(role_url).username,)
    assert f"{project.head} (head)" in as_service.said
    assert "InvalidPasswordError" in refused.said
    for run in (as_migrations, as_service, refused):
        assert [form for form in (PASSWORD, quote(PASSWORD, safe="")) if form in run.said] == []


INSIDE_A_LOOP = """
import asyncio
from alembic import command
from alembic.config import Config
from app.core.config import settings
from app.core.engine import open_engine

def alembic(connection, command, *arguments):
    config = Config(toml_file="pyproject.toml", attributes={"connection": connection})
    command(config, *arguments)

async def main():
    async with open_engine(settings, settings.postgres_url) as engine:
        async with engine.connect() as connection:
            await connection.run_sync(alembic, command.upgrade, "head")
            await connection.run_sync(alembic, command.check)
        async with engine.begin() as connection:
            await connection.run_sync(alembic, command.downgrade, "base")
            await connection.rollback()

asyncio.run(main())
"""


def test_a_connection_of_a_running_event_loop_is_used(project: Project) -> None:
    """Its owner commits or rolls back."""
    (project.folder / "inside.py").write_text(INSIDE_A_LOOP)

    project.run("inside", environment="test")

    assert sql(project.url, "SELECT version_num FROM alembic_version") == [(project.head,)]


def dump(postgres: FaultyPostgres, url: str) -> str:
    """Everything in the database, as SQL."""
    command = [postgres.programs / "pg_dump", "--inserts", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.MULTILINE)  # differs each time


@pytest.mark.parametrize("schema", ["public", "shop"])
def test_the_script_makes_the_schema_that_an_online_run_makes(
    project: Project, postgres: FaultyPostgres, schema: str
) -> None:
    for slug, statements in MIGRATIONS.items():
        project.add(slug, *statements)
    other_url = new_database(postgres.url())

    project.migrate(postgres_schema=schema)
    script = project.run(
        "alembic", "upgrade", "head", "--sql", postgres_url=NOWHERE, postgres_schema=schema
    )
    psql = [postgres.programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", script.output]
    subprocess.run([*psql, other_url], check=True, stdout=subprocess.DEVNULL)

    assert dump(postgres, other_url) == dump(postgres, project.url)
    tables = "SELECT schemaname::text FROM pg_tables WHERE tablename IN ('item', 'alembic_version')"
    assert sql(other_url, tables) == [(schema,)] * 2


def test_the_script_has_the_usual_limits_before_each_migration(project: Project) -> None:
    for slug, statements in MIGRATIONS.items():
        project.add(slug, *statements)

    script = project.run("alembic", "upgrade", "head", "--sql", postgres_url=NOWHERE)

    limits = "SET lock_timeout = '2000';\n\nSET statement_timeout = '60000';\n"
    assert script.said.startswith(limits)
    for revision in [path.name.split("_")[2] for path in project.migrations]:
        after = script.said.partition(f"'{revision}'")[2]
        assert re.match(rf"[^;]*;\s*RESET ALL;\s*{re.escape(limits)}", after)


def test_a_service_lives_in_a_schema_of_its_own(project: Project) -> None:
    """Autogenerate leaves the tables of other schemas alone."""
    settings: dict[str, Any] = {"postgres_schema": "shop"}
    project.migrate(**settings)
    sql(project.url, "CREATE TABLE public.item (others int)")
    sql(project.url, "CREATE SCHEMA archive")
    sql(project.url, "CREATE TABLE archive.invoice (others int)")
    sql(project.url, "CREATE TYPE archive.colour AS ENUM ('red')")

    project.run("alembic", "check", **settings)
    again = project.migrate(**settings)
    port = free_port()
    python = project.environment.folder / "bin" / "python"
    command = [str(python), "-m", "uvicorn", "app.main:app", f"--port={port}"]
    variables = project.variables(**settings)
    with serving(command, project.folder, variables, port, project.logs) as served:
        served.wait_until_it_answers("/health/ready")
        created = served.request("POST", "/items", json={"name": "lamp"})
        listed = served.get("/items").json()["items"]

    assert again.migrated == []
    assert created.status_code == 201
    assert [item["name"] for item in listed] == ["lamp"]
    assert sql(project.url, "SELECT name FROM shop.item") == [("lamp",)]
    assert sql(project.url, "SELECT count(*) FROM public.item") == [(0,)]


def test_the_target_prints_the_script_alone(project: Project) -> None:
    expected = project.run("alembic", "upgrade", "head", "--sql", environment="local")
    shutil.rmtree(project.folder / ".postgres", ignore_errors=True)

    printed = project.make("--silent", "migrations-sql")

    assert printed.strip() == expected.said.strip()
    assert not (project.folder / ".postgres").exists()

"""`make shell`, and scripts: what is at hand, and what is committed."""

import subprocess

import pytest

from tests.migrations.project import Project
from tests.support.markdown import blocks, section
from tests.support.serving import sql

pytestmark = pytest.mark.slow

TYPED = """\
session.add(Item(name="lamp"))
await session.flush()
(await session.scalars(select(Item.name))).one()
1 / 0
{end}
async with database.read() as reader:
    print("others see", (await reader.scalars(select(Item.name))).all())

"""
SCRIPT = """
import asyncio
import sys

from app.core.config import settings
from app.core.database import open_database
from app.items import service
from app.items.schemas import ItemCreate


async def main() -> None:
    async with open_database(settings) as database, database.session() as session:
        await service.create_item(session, ItemCreate(name=sys.argv[1]))


if __name__ == "__main__":
    asyncio.run(main())
"""
KEYS = """
    INSERT INTO idempotency_key (id, request, created_at)
    SELECT decode(lpad(n::text, 8, '0'), 'hex'), '', now() - CASE WHEN n <= 2500
        THEN interval '25 hours' ELSE interval '23 hours' END
    FROM generate_series(1, 2502) AS n
"""
IDS = "SELECT encode(id, 'hex') FROM idempotency_key ORDER BY id"


def type_in_shell(project: Project, text: str) -> str:
    project.make("migrate")
    shell = subprocess.run(
        [project.environment.folder / "bin" / "python", "-m", "dev.shell"],
        cwd=project.folder,
        env=project.variables(),
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return shell.stdout + shell.stderr


@pytest.mark.parametrize(
    ("end", "seen"), [("await session.commit()", "['lamp']"), ("await session.rollback()", "[]")]
)
def test_the_shell_has_the_database_and_commits_when_it_is_told_to(
    project: Project, end: str, seen: str
) -> None:
    said = type_in_shell(project, TYPED.format(end=end))

    assert "At hand: Item, database, select, session, settings, text." in said
    assert "'lamp'" in said
    assert "ZeroDivisionError: division by zero" in said
    assert f"others see {seen}" in said


def test_what_the_shell_does_not_commit_is_gone(project: Project) -> None:
    type_in_shell(project, 'session.add(Item(name="lamp"))\nawait session.flush()\nexit()\n')

    assert sql(project.url, "SELECT name FROM item") == []


def test_a_script_runs_by_make_and_by_python(project: Project) -> None:
    project.make("migrate")
    (project.folder / "app" / "scripts" / "add_item.py").write_text(SCRIPT)

    project.make("run", "SCRIPT=add_item", "ARGS=lamp")
    project.run("app.scripts.add_item", "chair")
    unnamed = project.make("run", fails=True)

    assert sql(project.url, "SELECT name FROM item ORDER BY name") == [("chair",), ("lamp",)]
    assert "Name a module of app/scripts: make run SCRIPT=backfill\n" in unnamed
    project.run("mypy")


def test_the_documented_script_forgets_the_keys_of_yesterday(project: Project) -> None:
    project.make("migrate")
    page = (project.folder / "docs" / "writes.md").read_text()
    [script] = blocks(section(page, "Requests that may be repeated"), "python")[1:]
    (project.folder / "app" / "scripts" / "sweep_keys.py").write_text(script)
    sql(project.url, KEYS)

    project.make("run", "SCRIPT=sweep_keys")
    project.run("app.scripts.sweep_keys")  # which finds nothing

    assert sql(project.url, IDS) == [("00002501",), ("00002502",)]
    project.run("mypy")

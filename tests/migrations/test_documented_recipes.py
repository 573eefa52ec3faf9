"""Runs what docs/migrations.md tells people to write, as it stands there."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from tests.faults.client import eventually
from tests.migrations.project import Project
from tests.migrations.test_lint import HAZARDS
from tests.support.figures import figure
from tests.support.serving import sql

pytestmark = pytest.mark.slow

# What the recipes change.
TABLES = [
    'op.create_table("author", sa.Column("id", sa.Integer(), primary_key=True))',
    'op.create_table("book", sa.Column("id", sa.Integer(), primary_key=True),',
    '    *[sa.Column(name, sa.Text()) for name in ("author", "shelf", "isbn")],',
    '    sa.Column("author_id", sa.Integer()))',
    'op.create_table("event", sa.Column("id", sa.Uuid(), primary_key=True),',
    '    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False))',
    'op.create_index("event_created_at_id_idx", "event", ["created_at", "id"])',
    """op.execute("CREATE TYPE order_status AS ENUM ('draft', 'placed')")""",
]
# The page says in words that this one is an index built "as above".
UNIQUE_INDEX = [
    "with op.get_context().autocommit_block():",
    '    op.create_index("book_isbn_key", "book", ["isbn"], unique=True,',
    "        postgresql_concurrently=True)",
]


@pytest.fixture(scope="module")
def page(render: Callable[..., Path]) -> str:
    return (render() / "docs" / "migrations.md").read_text()


@pytest.fixture(scope="module")
def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


@pytest.fixture(scope="module")
def migrations(blocks: list[str]) -> list[list[str]]:
    """The statements of each `upgrade()`, in the order of the page."""
    found = []
    for block in blocks:
        head, _, body = block.partition("def upgrade() -> None:\n")
        if body:
            assert head == ""
            found.append([re.sub("^    ", "", line) for line in body.splitlines()])
    return found


def test_there_is_a_recipe_for_every_hazard(page: str) -> None:
    recipes = page.partition("\n## Recipes")[2].partition("\n## ")[0]

    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", recipes))

    assert {rule for _, rules in HAZARDS.values() for rule in rules} <= named


def test_the_recipes_lint_clean_and_run(project: Project, migrations: list[list[str]]) -> None:
    revisions = [project.add("tables", *TABLES)]
    for number, statements in enumerate(migrations):
        if "UNIQUE USING INDEX" in "".join(statements):
            revisions.append(project.add("unique_index", *UNIQUE_INDEX))
        revisions.append(project.add(f"recipe_{number}", *statements))

    linted = project.run("dev.lint_migrations", environment="local")
    migrated = project.migrate()

    assert linted.said == ""
    assert [step.split()[-1] for step in migrated.migrated][1:] == revisions
    columns = "SELECT attname::text, attnotnull FROM pg_attribute WHERE attnum > 0 AND"
    of_book = f"{columns} attrelid = 'book'::regclass AND NOT attisdropped ORDER BY attnum"
    assert sql(project.url, of_book) == [
        ("id", True),
        ("author", False),
        ("isbn", True),
        ("author_id", False),
    ]
    constraints = "SELECT conname::text, convalidated FROM pg_constraint WHERE contype <> 'n' AND"
    assert sql(project.url, f"{constraints} conrelid = 'book'::regclass ORDER BY 1") == [
        ("book_author_id_fkey", True),
        ("book_isbn_key", True),
        ("book_pkey", True),
    ]
    invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    assert sql(project.url, invalid) == []


def test_the_recipes_of_migrations_are_as_formatted_as_the_service_wants_them(
    project: Project, migrations: list[list[str]]
) -> None:
    for number, statements in enumerate(migrations):
        project.add(f"recipe_{number}", *statements)
    paths = [str(path) for path in project.migrations[1:]]

    project.run("ruff", "format", "--check", *paths)


def test_the_backfill_may_be_killed_and_started_again(
    project: Project, blocks: list[str], full: bool
) -> None:
    count = 100_000 if full else 5_000
    project.migrate()
    sql(
        project.url,
        "INSERT INTO item (id, name, attributes) SELECT gen_random_uuid(), n, '{\"kept\": 1}'"
        f" FROM generate_series(1, {count}) AS n",
    )
    [script] = [block for block in blocks if block.startswith("# app/scripts/backfill.py")]
    path = project.folder / "app" / "scripts" / "backfill.py"
    path.write_text(script)
    batch = "A batch is done."
    done = 'SELECT count(*) FROM item WHERE attributes = \'{"kept": 1, "checked": false}\''

    killed = project.start("app.scripts.backfill")
    killed.until_it_says(batch)
    killed.process.kill()
    killed.wait()
    asyncio.run(nobody_writes(project.url))
    [(done_at_first,)] = sql(project.url, done)
    completed = project.run("app.scripts.backfill")
    idle = project.run("app.scripts.backfill")

    figure("migrations: a backfill is killed", rows=count, before=done_at_first, lost=0)
    assert done_at_first % 1000 == 0
    assert 0 < done_at_first < count
    assert [line["rows"] for line in completed.lines(batch)] == [1000] * (
        (count - done_at_first) // 1000
    )
    assert sql(project.url, done) == [(count,)]
    assert idle.lines(batch) == []
    for check in (["format", "--check"], ["check"]):
        project.run("ruff", *check, "app/scripts")
    if full:
        project.run("mypy", "app/scripts/backfill.py")


async def nobody_writes(url: str) -> None:
    """Wait until the backends of dead clients have ended."""
    connection = await asyncpg.connect(url)
    others = "datname = current_database() AND pid <> pg_backend_pid()"

    async def alone() -> bool:
        query = (
            f"SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND {others}"
        )
        return bool(await connection.fetch(query) == [])

    await eventually(alone, "the killed client's backend has ended")
    await connection.close()

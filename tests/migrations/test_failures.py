"""A migration fails: what stays, what the log says, and what the next one starts with."""

import pytest

from tests.migrations.project import Project
from tests.support.serving import sql

pytestmark = pytest.mark.slow

FAILURES = {
    "a statement": ['op.execute("SELECT 1 / 0")'],
    "Python": ['raise LookupError("no such thing")'],
    "the commit": [
        'op.execute("CREATE TABLE c (a int REFERENCES a DEFERRABLE INITIALLY DEFERRED)")',
        'op.execute("INSERT INTO c VALUES (1)")',
    ],
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_a_third_migration_that_fails_leaves_the_first_two_in_place(
    project: Project, failure: list[str]
) -> None:
    project.add("first", 'op.execute("CREATE TABLE a (id int PRIMARY KEY)")')
    second = project.add("second", 'op.execute("CREATE TABLE b ()")')
    third = project.add("third", 'op.execute("CREATE TABLE half ()")', *failure)

    run = project.migrate(code=1)

    name = project.path(third).name
    errors = [line["event"] for line in run.log if line["level"] == "error"]
    assert errors == [f"The migration {name} failed: the database stays at {second}."]
    assert sql(project.url, "SELECT version_num FROM alembic_version") == [(second,)]
    assert sql(
        project.url,
        "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    ) == [("a",), ("alembic_version",), ("b",), ("idempotency_key",), ("item",)]


def test_a_first_migration_that_fails_leaves_no_revision(project: Project) -> None:
    project.edit(
        f"migrations/versions/{project.migrations[0].name}",
        lambda text: text.replace("def upgrade() -> None:", "def upgrade() -> None:\n    1 / 0", 1),
    )

    run = project.migrate(code=1)

    [error] = [line["event"] for line in run.log if line["level"] == "error"]
    assert error == (
        f"The migration {project.migrations[0].name} failed: the database stays at no revision."
    )


def test_a_downgrade_that_fails_is_named(project: Project) -> None:
    revision = project.add("tenth", "pass", downgrade='op.execute("SELECT 1 / 0")')
    project.migrate()

    run = project.run("alembic", "downgrade", "-1", code=1, environment="test")

    [error] = [line["event"] for line in run.log if line["level"] == "error"]
    name = project.path(revision).name
    assert error == f"The migration {name} failed: the database stays at {revision}."


def test_a_missing_revision_is_reported_in_alembics_words(project: Project) -> None:
    run = project.run("alembic", "upgrade", "nowhere", code=255)

    [error] = [line["event"] for line in run.log if line["level"] == "error"]
    assert error == "Can't locate revision identified by 'nowhere'"


def test_an_index_that_was_built_half_way_is_named_with_the_way_out(project: Project) -> None:
    project.migrate()
    sql(project.url, "CREATE TABLE book (title text)")
    sql(project.url, "INSERT INTO book VALUES ('same'), ('same')")
    revision = project.add(
        "index",
        "with op.get_context().autocommit_block():",
        '    op.create_index("book_title_idx", "book", ["title"], unique=True,',
        "        postgresql_concurrently=True)",
    )
    sentence = "An earlier CREATE INDEX CONCURRENTLY failed half-way: drop its index."
    failing = project.migrate(code=1)
    naming = project.migrate(code=1)

    assert failing.lines(sentence) == []
    [warning] = naming.lines(sentence)
    assert (warning["level"], warning["index"]) == ("warning", "book_title_idx")
    assert warning["way_out"] == "DROP INDEX CONCURRENTLY book_title_idx"

    sql(project.url, warning["way_out"])
    sql(project.url, "DELETE FROM book")
    mended = project.migrate()

    assert mended.lines(sentence) == []
    assert sql(project.url, "SELECT version_num FROM alembic_version") == [(revision,)]
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'book_title_idx'::regclass"
    assert sql(project.url, valid) == [(True,)]


def test_a_migration_raises_its_own_limits_and_the_next_one_has_the_usual_ones(
    project: Project,
) -> None:
    note = (
        'op.execute("CREATE TABLE IF NOT EXISTS seen (number serial, lock text, statement text)")',
        'op.execute("INSERT INTO seen (lock, statement) VALUES"',
        "    \" (current_setting('lock_timeout'), current_setting('statement_timeout'))\")",
    )
    project.add("usual", *note)
    project.add("local", "op.execute(\"SET LOCAL statement_timeout = '10min'\")", *note)
    project.add("again", *note)
    project.add("session", "op.execute(\"SET lock_timeout = '7min'\")", *note)
    project.add(
        "autocommit",
        "with op.get_context().autocommit_block():",
        '    op.execute("SET lock_timeout = 0")',
        f"    {note[1]}",
        f"    {note[2]}",
    )
    project.add("finally", *note)

    project.migrate(migration_lock_timeout_seconds=3, migration_statement_timeout_seconds=90)

    assert sql(project.url, "SELECT lock, statement FROM seen ORDER BY number") == [
        ("3s", "90s"),
        ("3s", "10min"),
        ("3s", "90s"),
        ("7min", "90s"),
        ("0", "90s"),
        ("3s", "90s"),
    ]

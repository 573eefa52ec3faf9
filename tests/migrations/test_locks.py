"""A migration blocks neither requests nor other migrations, and says who blocks it."""

import asyncio
import re
from uuid import uuid4

import asyncpg
import pytest

from tests.faults.client import Load, eventually, load
from tests.migrations.project import Project, Run
from tests.support.figures import figure
from tests.support.serving import free_port, serving, sql

pytestmark = pytest.mark.slow

LOCK_TIMEOUT = 1
RETRYING = "The migration could not acquire its lock; retrying."
WAITING = "Waiting for another migration of this database."


def serve_command(project: Project, port: int) -> list[str]:
    python = project.environment.folder / "bin" / "python"
    return [str(python), "-m", "uvicorn", "app.main:app", f"--port={port}"]


def test_a_migration_behind_a_long_read_gives_up_in_time_and_succeeds_after_it(
    project: Project,
) -> None:
    project.migrate()
    before = project.head
    after = project.add("add_note", 'op.add_column("item", sa.Column("note", sa.Text()))')
    port = free_port()

    async def campaign() -> tuple[Load, Run, int]:
        reader = await asyncpg.connect(project.url)
        async with load(port, clients=20) as running:
            await running.until_served()
            await reader.execute("BEGIN")
            await reader.fetch("SELECT count(*) FROM item")
            migration = project.start(
                "alembic", "upgrade", "head", migration_lock_timeout_seconds=LOCK_TIMEOUT
            )
            await eventually(
                lambda: len(migration.lines(RETRYING)) == 2 or migration.ended, "it gives up twice"
            )
            assert (await reader.fetchval("SELECT version_num FROM alembic_version")) == before
            await reader.execute("COMMIT")
            await eventually(lambda: migration.ended, "the migration ends")
            await running.until_served()
        await reader.close()
        return running, migration, reader.get_server_pid()

    with serving(
        serve_command(project, port), project.folder, project.variables(), port, project.logs
    ) as served:
        served.wait_until_it_answers("/health/live")
        running, migration, reader_pid = asyncio.run(campaign())

    slowest = max(answer.seconds for answer in running.answers)
    figure(
        "migrations 1: a column is added behind a long read, 20 clients",
        requests=len(running.answers),
        failed=len(running.failed),
        given_up=len(migration.lines(RETRYING)),
        slowest_seconds=slowest,
        bound_seconds=LOCK_TIMEOUT + 1,
    )
    assert migration.wait() == 0, migration.said
    assert sql(project.url, "SELECT version_num FROM alembic_version") == [(after,)]
    assert running.failed == []
    assert LOCK_TIMEOUT / 2 < slowest < LOCK_TIMEOUT + 1  # requests did queue behind the migration
    reader = re.compile(
        rf"pid {reader_pid}, idle in transaction, for 00:00:\d\d(\.\d+)?:"
        r" SELECT count\(\*\) FROM item"
    )
    for line in migration.lines(RETRYING):
        assert line["level"] == "warning"
        assert [blocker for blocker in line["blocked_by"] if reader.fullmatch(blocker)]
    assert [line["attempt"] for line in migration.lines(RETRYING)][:2] == [1, 2]


def test_a_migration_that_cannot_acquire_its_lock_fails_and_names_the_blocker(
    project: Project,
) -> None:
    project.migrate()
    before = project.head
    after = project.add("add_note", 'op.add_column("item", sa.Column("note", sa.Text()))')

    async def campaign() -> tuple[Run, int]:
        reader = await asyncpg.connect(project.url)
        await reader.execute("BEGIN")
        await reader.fetch("SELECT count(*) FROM item")
        run = await asyncio.to_thread(
            project.migrate, code=1, migration_lock_timeout_seconds=1, migration_attempts=1
        )
        await reader.close()
        return run, reader.get_server_pid()

    run, reader_pid = asyncio.run(campaign())

    assert run.lines(RETRYING) == []
    sentence = f"The migration {project.path(after).name} failed"
    [error] = run.lines(f"{sentence}: the database stays at {before}.")
    [blocker] = error["blocked_by"]
    assert blocker.startswith(f"pid {reader_pid}, idle in transaction, for ")


def test_of_ten_runs_at_once_one_migrates_and_all_succeed(project: Project) -> None:
    """It builds an index concurrently, which would wait for statements that wait for a lock."""
    first = project.head
    gated = project.add("gated", 'op.execute("SELECT pg_advisory_xact_lock(1)")')
    index = project.add(
        "index",
        "with op.get_context().autocommit_block():",
        '    op.create_index("i", "item", ["updated_at"], postgresql_concurrently=True)',
    )

    async def campaign() -> list[Run]:
        gate = await asyncpg.connect(project.url)
        await gate.execute("SELECT pg_advisory_lock(1)")
        runs = [
            project.start(
                "alembic",
                "upgrade",
                "head",
                migration_lock_timeout_seconds=60,
                # Limits of requests do not hold for migrations.
                postgres_statement_timeout_seconds=0.1,
                postgres_lock_timeout_seconds=0.1,
            )
            for _ in range(10)
        ]
        await eventually(lambda: sum(bool(r.lines(WAITING)) for r in runs) == 9, "nine wait")
        # Longer than the client waits for a statement of a request.
        old = (
            "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_advisory_xact_lock(1)'"
            " AND clock_timestamp() - query_start > interval '5.5 s'"
        )

        async def is_old() -> bool:
            return bool(await gate.fetch(old)) or any(run.ended for run in runs)

        await eventually(is_old, "the gated migration has waited")
        await gate.close()
        for run in runs:
            await asyncio.to_thread(run.wait)
        return runs

    runs = asyncio.run(campaign())

    assert [run.wait() for run in runs] == [0] * 10
    migrated = [run.migrated for run in runs if run.migrated]
    assert migrated == [[f"-> {first}", f"{first} -> {gated}", f"{gated} -> {index}"]]
    assert sql(project.url, "SELECT version_num FROM alembic_version") == [(index,)]
    figure("migrations 2: ten upgrades at once", migrated=len(migrated), succeeded=10)


def test_a_run_that_is_killed_is_completed_by_the_next_one(project: Project) -> None:
    """The next one waits until the server has noticed; nothing is half done."""
    project.migrate()
    first = project.head
    sql(project.url, "CREATE TABLE pause AS SELECT 3 AS seconds")
    revision = project.add(
        "slow",
        'op.execute("CREATE TABLE begun ()")',
        'op.execute("SELECT pg_sleep(seconds) FROM pause")',
    )
    sleeping = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
    running = project.start("alembic", "upgrade", "head")

    async def kill() -> None:
        connection = await asyncpg.connect(project.url)

        async def sleeps() -> bool:
            return bool(await connection.fetch(sleeping))

        await eventually(sleeps, "the migration sleeps")
        running.process.kill()
        await asyncio.to_thread(running.wait)
        await connection.execute("UPDATE pause SET seconds = 0")
        await connection.close()

    asyncio.run(kill())
    completing = project.migrate()

    assert running.wait() == -9
    assert completing.migrated == [f"{first} -> {revision}"]
    assert sql(project.url, "SELECT version_num FROM alembic_version") == [(revision,)]
    assert sql(project.url, "SELECT to_regclass('begun')::text") == [("begun",)]


# Prints the memory of the process after each migration, in kB, and the time.
MEASURE = """\
import time; from pathlib import Path; \
memory = int(Path("/proc/self/statm").read_text().split()[1]); \
print("MEASURED", memory * 4, time.monotonic(), flush=True)"""


def test_many_revisions_take_time_and_no_memory(project: Project, full: bool) -> None:
    count = 500 if full else 50
    for number in range(count):
        name = f"t{uuid4().hex[:8]}"
        columns = ", ".join(f'sa.Column("c{n}", sa.Text(), index=True)' for n in range(3))
        project.add(f"create_{number}", f'op.create_table("{name}", {columns})', MEASURE)

    run = project.migrate()

    measured = [line.split() for line in run.said.splitlines() if line.startswith("MEASURED")]
    memory = [int(kilobytes) for _, kilobytes, _ in measured]
    moments = [float(moment) for _, _, moment in measured]
    figure(
        f"migrations 3: {count} revisions",
        milliseconds_per_revision=1000 * (moments[-1] - moments[0]) / (count - 1),
        megabytes_after_ten=memory[9] / 1024,
        megabytes_in_the_end=memory[-1] / 1024,
    )
    assert len(run.migrated) == count + 1
    assert memory[-1] < memory[9] * 1.1

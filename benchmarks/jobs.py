"""How fast jobs are: a worker beside PgQueuer's own loop, and beside a million jobs that wait.

`python -m benchmarks.jobs`: one worker, one Postgres, two cores for both.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.__main__ import new_service
from benchmarks.database import execute
from benchmarks.plan import SERVICE
from benchmarks.server import HERE, TICKS, environment, python
from tests.support.serving import children, temporary_server, until

NOTES = '''
"""One row each."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

NOTE = text("INSERT INTO note (number) VALUES (:number)")


async def note(session: AsyncSession, *, number: int) -> None:
    await session.execute(NOTE, {"number": number})
'''
# Transactions of a request, with and without a job, in turns: the medians in microseconds.
ENQUEUE = """
import asyncio, statistics, time
from app.core.config import settings
from app.core.database import open_database
from app.core.jobs import enqueue
from app.notes import jobs

async def request(database, number, with_job):
    began = time.perf_counter()
    async with database.session() as session:
        await jobs.note(session, number=number)
        if with_job:
            await enqueue(session, jobs.note, number=number)
    return (time.perf_counter() - began) * 1e6

async def main():
    async with open_database(settings) as database:
        took = [(await request(database, n, False), await request(database, n, True))
                for n in range(3000)]
    print(*(round(statistics.median(times)) for times in zip(*took[500:])))

asyncio.run(main())
"""
FILL = """
    INSERT INTO jobs.pgqueuer (priority, status, entrypoint, payload, headers, execute_after)
    SELECT 0, 'queued', 'notes.note', convert_to('{{"number": ' || n || '}}', 'UTF8'), '{{}}', {due}
    FROM generate_series(1, {count}) n
"""
EMPTY = ("TRUNCATE jobs.pgqueuer, jobs.pgqueuer_log, note", "CHECKPOINT")
DONE = "SELECT count(*) FROM note"
SERVICE_WORKER = ("-m", "app.worker")
BARE_WORKER = (str(HERE / "contenders/pgqueuer_worker.py"),)
JOBS, MANY, TOMORROW = 50_000, 1_000_000, "now() + interval '1 day'"
WARM, SECONDS, IDLE_SECONDS = 50, 10, 20


class Bench:
    def __init__(self, folder: Path, url: str) -> None:
        self.service = new_service(folder, jobs=True)
        self.url = url
        self.variables = environment(SERVICE, self.service, url) | {"PGQUEUER_SCHEMA": "jobs"}
        (self.service / "app/notes").mkdir()
        (self.service / "app/notes/jobs.py").write_text(NOTES)
        self.run("-m", "alembic", "upgrade", "head")
        execute(url, "CREATE TABLE note (number int)")

    def run(self, *arguments: str) -> str:
        command = [python(self.service), *arguments]
        options = {"cwd": self.service, "env": self.variables, "stdout": -1, "text": True}
        return subprocess.run(command, check=True, **options).stdout  # type: ignore[call-overload, no-any-return]

    @contextmanager
    def working(self, worker: tuple[str, ...]) -> Iterator[int]:
        process = subprocess.Popen(
            [python(self.service), *worker],
            cwd=self.service,
            env=self.variables,
            stdout=subprocess.DEVNULL,
        )
        try:
            yield process.pid
        finally:
            process.kill()
            process.wait()

    def fill(self, *waiting: tuple[int, str]) -> None:
        """So many jobs that are due by then."""
        statements = [FILL.format(count=count, due=due) for count, due in waiting]
        execute(self.url, *EMPTY, *statements, "VACUUM ANALYZE jobs.pgqueuer")

    def done(self) -> int:
        return int(execute(self.url, DONE))

    def rate(self, worker: tuple[str, ...]) -> str:
        """Jobs per second, and the CPU of each, which says more where others use the machine."""
        with self.working(worker) as pid:
            until(lambda: self.done() > WARM, "the worker is warm")
            done, began = self.done(), time.perf_counter()
            before = cpu_seconds(pid), self.cpu_of_postgres()
            time.sleep(SECONDS)
            after = cpu_seconds(pid), self.cpu_of_postgres()
            more = self.done() - done
            rate = more / (time.perf_counter() - began)
            own, of_postgres = (
                (end - start) / more * 1e6 for start, end in zip(before, after, strict=True)
            )
            return f"{rate:,.0f}/s | {own:.0f} µs + {of_postgres:.0f} µs"

    def cpu_of_postgres(self) -> float:
        """Of its processes that run."""
        pid = int(execute(self.url, "SELECT pg_read_file('postmaster.pid')").split()[0])
        return sum(cpu_seconds(each) for each in (pid, *children(pid)))

    def idle(self) -> str:
        self.fill()
        with self.working(SERVICE_WORKER) as pid:
            time.sleep(5)
            cpu = cpu_seconds(pid)
            time.sleep(IDLE_SECONDS)
            return f"{(cpu_seconds(pid) - cpu) / IDLE_SECONDS:.2%} of a core |"

    def enqueuing(self) -> str:
        without, with_job = self.run("-c", ENQUEUE).split()
        return f"{with_job} µs; without a job {without} µs |"


def cpu_seconds(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:  # it has ended
        return 0
    *_, user, system = stat.rpartition(")")[2].split()[:13]
    return (int(user) + int(system)) / TICKS


def rows(bench: Bench) -> Iterator[tuple[str, str]]:
    for name, waiting in (
        (f"{JOBS:,} jobs wait", ((JOBS, "now()"),)),
        (f"{MANY:,} wait", ((MANY, "now()"),)),
        (f"{MANY:,} wait for tomorrow, {JOBS:,} are due", ((MANY, TOMORROW), (JOBS, "now()"))),
    ):
        bench.fill(*waiting)
        yield f"{name}: the worker", bench.rate(SERVICE_WORKER)
        yield f"{name}: a transaction that enqueues", bench.enqueuing()
        bench.fill(*waiting)
        yield f"{name}: PgQueuer's own loop", bench.rate(BARE_WORKER)
    yield "an idle worker", bench.idle()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, temporary_server() as url:
        for row in rows(Bench(Path(folder), url)):
            sys.stdout.write(f"| {' | '.join(row)} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

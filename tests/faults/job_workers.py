"""A service with jobs that misbehave on demand, and the workers that run them."""

import asyncio
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from tests.faults.production import Production
from tests.support.serving import sql, until

STARTED = "The worker has started."
# Where each start of a job is noted, however its transaction ends.
JOBS = '''
"""Deeds."""

import asyncio
import os
import random
import signal
import threading
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.jobs import job

DEED = text("INSERT INTO deed (name, colour) VALUES (:name, :colour)")
COLOUR = "none"


def is_first(name: str) -> bool:
    with Path(os.environ["STARTS"], name).open("a+") as starts:
        starts.write(f"{os.getpid()}\\n")
        starts.seek(0)
        return len(starts.readlines()) == 1


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@job(attempts=100, timeout_seconds=20)
async def do(session: AsyncSession, *, name: str) -> None:
    first, (how, *_) = is_first(name), name.split("-")
    if how == "poison" or (first and how == "start"):
        die()
    await session.execute(DEED, {"name": name, "colour": COLOUR})
    await asyncio.sleep(random.uniform(0, 0.02))
    if first and how == "middle":
        die()
    if first and how == "commit":  # while Postgres commits, which takes longer
        threading.Timer(0.1, die).start()


@job(attempts=3)
async def fail(session: AsyncSession, *, name: str) -> None:
    is_first(name)
    await session.execute(DEED, {"name": name, "colour": COLOUR})
    raise RuntimeError("This deed always fails.")


@job(cron="* * * * *")
async def tick(session: AsyncSession) -> None:
    await session.execute(DEED, {"name": "tick", "colour": COLOUR})
'''
NEWER = (
    (
        "@job(attempts=100, timeout_seconds=20)\nasync def do(session: AsyncSession, *, name: str)",
        "@job(attempts=100, timeout_seconds=20, version=2)\n"
        'async def do(session: AsyncSession, *, name: str, colour: str = "old")',
    ),
    (
        '{"name": name, "colour": COLOUR})\n    await asyncio',
        '{"name": name, "colour": colour})\n    await asyncio',
    ),
)
ROUTES = '''
"""Asks for deeds."""

import itertools

from fastapi import APIRouter
from sqlalchemy import text

from app.core.database import SessionDep
from app.core.errors import ConflictError
from app.core.jobs import enqueue
from app.deeds import jobs

router = APIRouter(prefix="/deeds")
numbers = itertools.count()


@router.post("/{name}", status_code=201)
async def ask(session: SessionDep, name: str) -> None:
    await session.execute(text("INSERT INTO asked (name) VALUES (:name)"), {"name": name})
    await enqueue(session, jobs.fail if name.startswith("fail-") else jobs.do, name=name)
    if name.startswith("undo-"):
        raise ConflictError("This request is rolled back.")
'''
# A commit of some rows takes long, or loses its connection now and then.
TABLES = """
CREATE TABLE asked (name text PRIMARY KEY);
CREATE TABLE deed (id bigserial PRIMARY KEY, name text, colour text);
CREATE FUNCTION hinder() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.name LIKE 'commit-%' THEN PERFORM pg_sleep(0.3); END IF;
        IF NEW.name LIKE 'cut-%' AND random() < 0.4 THEN
            PERFORM pg_terminate_backend(pg_backend_pid());
        END IF;
        RETURN NULL;
    END
$$;
CREATE CONSTRAINT TRIGGER hinder AFTER INSERT ON deed DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION hinder();
CREATE CONSTRAINT TRIGGER hinder AFTER INSERT ON asked DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.name LIKE 'cut-%') EXECUTE FUNCTION hinder();
"""
# Shifts what Python takes for the time.
CLOCK = """
import datetime, os, time
shift, real, now = float(os.environ.get("CLOCK_SHIFT", 0)), datetime.datetime, time.time
class Shifted(real):
    @classmethod
    def now(cls, tz=None):
        return real.now(tz) + datetime.timedelta(seconds=shift)
    @classmethod
    def utcnow(cls):
        return real.utcnow() + datetime.timedelta(seconds=shift)
if shift:
    datetime.datetime, time.time = Shifted, lambda: now() + shift
"""


def add_deeds(folder: Path) -> None:
    """The feature, wired, and a clock that may be wrong."""
    deeds = folder / "app" / "deeds"
    deeds.mkdir()
    (deeds / "__init__.py").touch()
    (deeds / "jobs.py").write_text(JOBS)
    (deeds / "routes.py").write_text(ROUTES)
    with (folder / "app" / "api.py").open("a") as api:
        api.write("\nfrom app.deeds.routes import router as deeds  # noqa: E402\n")
        api.write('router.include_router(deeds, tags=["deeds"])\n')
    (folder / "sitecustomize.py").write_text(CLOCK)


def newer(production: Production, place: Path) -> Production:
    """The same service, whose job takes one more argument."""
    shutil.copytree(production.folder, place, ignore=shutil.ignore_patterns(".venv"))
    (place / ".venv").symlink_to(production.folder / ".venv")
    jobs = place / "app" / "deeds" / "jobs.py"
    text = jobs.read_text()
    for old, new in NEWER:
        assert old in text
        text = text.replace(old, new)
    jobs.write_text(text)
    routes = place / "app" / "deeds" / "routes.py"
    routes.write_text(
        routes.read_text().replace(
            'await enqueue(session, jobs.fail if name.startswith("fail-") else jobs.do, name=name)',
            'await enqueue(session, jobs.do, name=name, colour="new")',
        )
    )
    return Production(place)


@dataclass
class Workers:
    """As a platform keeps them: who dies is started again."""

    production: Production
    url: str
    folder: Path
    settings: dict[str, str]
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    logs: dict[int, Path] = field(default_factory=dict)
    deaths: int = 0

    @property
    def starts(self) -> Path:
        (self.folder / "starts").mkdir(exist_ok=True)
        return self.folder / "starts"

    def start(self, count: int = 1, **settings: str) -> None:
        given = {"JOBS_HEARTBEAT_SECONDS": "2", "JOBS_RETRY_SECONDS": "0.01"}
        environment = self.production.environment(
            POSTGRES_URL=self.url, STARTS=str(self.starts), **given | self.settings | settings
        )
        for _ in range(count):
            log_file = self.folder / f"worker-{len(self.logs)}.log"
            with log_file.open("wb") as log:
                command = [str(self.production.folder / ".venv/bin/python"), "-m", "app.worker"]
                worker = subprocess.Popen(
                    command,
                    cwd=self.production.folder,
                    env=environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self.running.append(worker)
            self.logs[worker.pid] = log_file

    def kill_one(self) -> None:
        self.running[0].kill()

    def replace_dead(self) -> None:
        for worker in list(self.running):
            if worker.poll() is not None:
                assert worker.returncode == -signal.SIGKILL, self.said[-3000:]
                self.running.remove(worker)
                self.deaths += 1
                self.start()

    def stop(self) -> list[int]:
        """Their exit codes after a SIGTERM."""
        for worker in self.running:
            log = self.logs[worker.pid]
            until(lambda log=log: STARTED in log.read_text(), "a worker has started")  # type: ignore[misc]
            worker.terminate()
        codes = [worker.wait(60) for worker in self.running]
        self.running.clear()
        return codes

    @property
    def said(self) -> str:
        return "".join(log.read_text() for log in self.logs.values())

    def queue(self) -> list[tuple[Any, ...]]:
        """What is not done: the type, its status, how many."""
        return sql(
            self.url,
            "SELECT entrypoint, status::text, count(*) FROM jobs.pgqueuer GROUP BY 1, 2 ORDER BY 1",
        )

    def deeds(self) -> list[str]:
        return [name for (name,) in sql(self.url, "SELECT name FROM deed ORDER BY id")]


@contextmanager
def workers_of(
    production: Production, url: str, folder: Path, **settings: str
) -> Iterator[Workers]:
    workers = Workers(production, url, folder, settings)
    try:
        yield workers
    finally:
        for worker in workers.running:
            worker.kill()
            worker.wait()


def run_script(url: str, script: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(script)
        finally:
            await connection.close()

    asyncio.run(execute())

"""A service with a feature whose jobs note what they did, and its worker as a process."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.faults.postgres import FaultyPostgres
from tests.support.services import Environment
from tests.support.serving import sql, until

LISTENING = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
JOBS = """
import asyncio

from sqlalchemy import text


async def light(session, *, name: str):
    await session.execute(text("INSERT INTO lamp (name) VALUES (:name)"), {"name": name})


async def light_for_ever(session):
    await session.execute(text("INSERT INTO lamp (name) VALUES ('for ever')"))
    await asyncio.Event().wait()
"""
ENQUEUE = """
import asyncio, json, sys
from app.core.config import settings
from app.core.database import open_database
from app.core.jobs import enqueue
from app.lamps import jobs

async def main():
    async with open_database(settings) as database, database.session() as session:
        await enqueue(session, getattr(jobs, sys.argv[1]), **json.loads(sys.argv[2]))

asyncio.run(main())
"""
STARTED = "The worker has started."


class Lamps:
    """A service with a feature `lamps`, and its database."""

    def __init__(self, folder: Path, environment: Environment, url: str) -> None:
        self.folder, self.url = folder, url
        self.python = str(environment.folder / "bin" / "python")
        self.variables = environment.variables | {"POSTGRES_URL": url, "ENVIRONMENT": "production"}
        (folder / "app" / "lamps").mkdir()
        (folder / "app" / "lamps" / "jobs.py").write_text(JOBS)

    def run(self, *arguments: str) -> None:
        subprocess.run(
            [self.python, *arguments], cwd=self.folder, env=self.variables, check=True, stdout=-3
        )

    def enqueue(self, job: str, **arguments: str) -> None:
        self.run("-c", ENQUEUE, job, json.dumps(arguments))

    def lit(self) -> list[str]:
        return [name for (name,) in sql(self.url, "SELECT name FROM lamp ORDER BY name")]

    @contextmanager
    def worker(self, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
        """One that has started; it ends by a SIGTERM, with 0."""
        log = self.folder / f"{uuid4().hex}.log"
        variables: dict[str, Any] = self.variables | settings
        with log.open("wb") as output:
            worker = subprocess.Popen(
                [self.python, "-m", "app.worker"],
                cwd=self.folder,
                env=variables,
                stdout=output,
                stderr=output,
            )
        self.log = log
        try:
            until(lambda: STARTED in log.read_text(), "the worker has started")
            yield worker
            worker.terminate()
            assert worker.wait(60) == 0, log.read_text()
        finally:
            worker.kill()
            worker.wait()


def new_lamps(folder: Path, environment: Environment, server: FaultyPostgres) -> Lamps:
    """With a database of its own."""
    name = f"test_{uuid4().hex}"
    sql(server.url(), f"CREATE DATABASE {name}")
    lamps = Lamps(folder, environment, server.url(name))
    lamps.run("-m", "alembic", "upgrade", "head")
    sql(lamps.url, "CREATE TABLE lamp (name text)")
    return lamps

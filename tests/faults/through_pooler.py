# mypy: ignore-errors
"""A plugin of pytest: sends what the service connects through a pooler, and the tests past it.

It runs in the service's environment, with `POOLER_URL` set.
"""

import os
from urllib.parse import urlsplit

import asyncpg

POOLER = urlsplit(os.environ["POOLER_URL"])
SERVER = urlsplit(os.environ["TEST_POSTGRES_URL"])
connect, execute = asyncpg.connect, asyncpg.Connection.execute


async def connect_through_pooler(dsn=None, **options):
    """The service names a class of its own behind a pooler; tests, which are in its place, none."""
    there = urlsplit(dsn)
    if "connection_class" in options and there.port == SERVER.port:
        dsn = there._replace(netloc=POOLER.netloc).geturl()
    return await connect(dsn, **options)


async def execute_on_a_free_template(self, query, *arguments, **options):
    """Postgres copies no database that is in use, and the pooler keeps its connections."""
    if query.startswith("CREATE DATABASE"):
        ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1"
        await self.fetch(ended, query.split()[4])
    return await execute(self, query, *arguments, **options)


asyncpg.connect, asyncpg.Connection.execute = connect_through_pooler, execute_on_a_free_template

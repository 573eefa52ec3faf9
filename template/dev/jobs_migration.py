"""Writes the migration that the queue of jobs needs, onto the service's own head.

`make check` and `make dev` write the one that creates it, where `jobs` was switched on later.
`make jobs-migration` writes what a newer PgQueuer needs.
`make jobs-migration remove=1`: the last one drops it, unless a job is left.
"""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import indent

from alembic import command
from alembic.config import Config
from alembic.script import Script
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.config import settings
from app.core.engine import open_engine
from app.core.jobs.queries import BUILDERS, queries_on

ROOT = Path(__file__).resolve().parent.parent
REFUSE = """\
DO $$ BEGIN
    LOCK TABLE jobs.pgqueuer;
    IF EXISTS (SELECT FROM jobs.pgqueuer) THEN
        RAISE EXCEPTION 'Jobs wait, run or are held: run or discard them first (make jobs).';
    END IF;
END $$"""
NO_WAY_BACK = "pass  # PgQueuer's upgrades have no way back; older code works on the newer tables"


def create() -> list[str]:
    """The statements that create the queue."""
    environment = BUILDERS[0]
    sql = f"{environment.build_install_query()}\n\n{environment.build_optimize_autovacuum_query()}"
    return [statement for statement in _statements(sql) if not statement.startswith("--")]


def drop() -> list[str]:
    """The statements that drop it."""
    return [*BUILDERS[0].build_uninstall_query().split("\n"), "DROP SCHEMA jobs"]


async def upgrade(connection: AsyncConnection) -> list[str] | None:
    """The statements that the installed PgQueuer needs; None if there is no queue yet."""
    queries = queries_on(connection)
    if not await queries.schema_is_installed():
        return None
    return list((await queries.plan_upgrade()).statements)


def _statements(sql: str) -> Iterable[str]:
    """The parts between empty lines; those of a function's body do not count."""
    part = ""
    for piece in sql.split("\n\n"):
        part = f"{part}\n\n{piece}" if part else piece
        if part.count("$$") % 2 == 0:
            yield part
            part = ""


def write(message: str, up: str, down: str) -> Path:
    """Write a revision with these bodies, formatted."""
    script = command.revision(Config(toml_file=ROOT / "pyproject.toml"), message)
    assert isinstance(script, Script)  # noqa: S101  # a list only for several heads
    path = Path(script.path)
    head, body, rest = path.read_text().split("    pass\n")
    # Alembic's hook has removed the import that an empty revision does not need.
    head = head.replace("\n\nrevision", "\n\nfrom alembic import op\n\nrevision", 1)
    path.write_text(f"{head}{indent(up, '    ')}\n{body}{indent(down, '    ')}\n{rest}")
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", path], check=True)
    return path


def code(statements: Iterable[str]) -> str:
    """Python that executes them."""
    return "\n".join(
        f'op.execute("""\n{indent(each.rstrip(";"), "    ")}\n""")' for each in statements
    )


async def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.jobs_migration")
    parser.add_argument("--remove", action="store_true", help="drop the queue")
    parser.add_argument("--first", action="store_true", help="create it, without a database")
    given = parser.parse_args(arguments)
    remove = given.remove
    if given.first:
        write("create jobs", code(create()), code(drop()))
        return 0
    url = settings.postgres_migration_url or settings.postgres_url
    async with open_engine(settings, url) as engine, engine.connect() as connection:
        needed = await upgrade(connection)
    if remove and needed is None:
        sys.stderr.write("There is no queue to drop.\n")
        return 1
    if remove:
        write("drop jobs", code([REFUSE, "DROP SCHEMA jobs CASCADE"]), code(create()))
    elif needed is None:
        write("create jobs", code(create()), code(drop()))
    elif needed:
        # A value that was added to an enum can be used by the next transaction only.
        block = f"with op.get_context().autocommit_block():\n{indent(code(needed), '    ')}"
        write("upgrade jobs", block, NO_WAY_BACK)
    else:
        sys.stdout.write("The queue is as the installed PgQueuer wants it.\n")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))

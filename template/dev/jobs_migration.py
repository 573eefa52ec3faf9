"""Writes the migration that the queue of jobs needs, onto the service's own head.

`make check` and `make dev` write the one that creates it, where `jobs` was switched on later.
`make jobs-migration` writes what a newer PgQueuer needs.
`make jobs-migration remove=1`: the last one drops it, unless a job is left.
"""

import argparse
import asyncio
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import fill, indent

from alembic import command
from alembic.config import Config
from alembic.script import Script
from pgqueuer.domain.schema.model import Plan
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.config import settings
from app.core.engine import open_engine
from app.core.jobs.queries import BUILDERS, queries_on

ROOT = Path(__file__).resolve().parent.parent
# What a worker picks by. PgQueuer leaves indexes alone that are not its own.
DUE_INDEX = """
    CREATE INDEX due_idx ON jobs.pgqueuer (entrypoint, priority DESC, execute_after, id)
    WHERE status < 'picked';
"""
REFUSE = """\
DO $$ BEGIN
    LOCK TABLE jobs.pgqueuer;
    IF EXISTS (SELECT FROM jobs.pgqueuer) THEN
        RAISE EXCEPTION 'Jobs wait, run or are held: run or discard them first (make jobs).';
    END IF;
END $$"""
# Where a line is not indented, a statement begins.
EXECUTE = """\
for statement in re.split(r";\\n(?=\\S)", STATEMENTS):
    op.execute(statement)"""
DROP = 'op.execute("DROP SCHEMA jobs CASCADE")'
WAIVERS = """\
# squawk-ignore renaming-object: an index of PgQueuer's, which no query names
# squawk-ignore prefer-robust-stmts: each of them can run again
"""
NO_WAY_BACK = "pass  # PgQueuer's upgrades have no way back; older code works on the newer tables"


def create() -> list[str]:
    """The statements that create the queue."""
    queue = BUILDERS[0]
    parts = (queue.build_install_query(), DUE_INDEX, queue.build_optimize_autovacuum_query())
    sql = "\n".join(parts)
    return [_tidy(statement) for statement in _statements(sql)]


async def upgrade(connection: AsyncConnection) -> Plan | None:
    """What the installed PgQueuer needs; None if there is no queue yet."""
    queries = queries_on(connection)
    return await queries.plan_upgrade() if await queries.schema_is_installed() else None


def beside_workers(statements: Iterable[str]) -> Iterable[str]:
    """The statements, so that they block nobody, and can run again after one of them has failed."""
    for statement in map(_indented, statements):
        if created := re.match(r"CREATE (?:UNIQUE )?INDEX (\w+) ", statement):
            yield f"DROP INDEX CONCURRENTLY IF EXISTS jobs.{created[1]}"
        once = statement.replace("ADD COLUMN ", "ADD COLUMN IF NOT EXISTS ", 1)
        once = re.sub(r"^(DROP|ALTER) INDEX (?!IF)", r"\1 INDEX IF EXISTS ", once)
        yield re.sub(r"^((?:CREATE|CREATE UNIQUE|DROP) INDEX) ", r"\1 CONCURRENTLY ", once)


def _statements(sql: str) -> Iterable[str]:
    """The parts that end with a semicolon; those of a function's body do not count."""
    part = ""
    for piece in sql.split(";\n"):
        part = f"{part};\n{piece}" if part else re.sub(r"^(--.*)?\n", "", piece, flags=re.MULTILINE)
        if part.count("$$") % 2 == 0:
            yield part
            part = ""


def _tidy(statement: str) -> str:
    """On few lines, and without comments; tables and functions keep their lines."""
    if "$$" in statement:  # PgQueuer compares it with its own, but for blanks
        return _indented(statement)
    if statement.startswith("CREATE TABLE"):
        return statement.rstrip(";")
    line = " ".join(re.sub("--.*", "", statement).rstrip(";").split())
    line = line.replace("( ", "(").replace(" )", ")")
    return fill(line, 100, subsequent_indent="    ", break_on_hyphens=False)


def _indented(statement: str) -> str:
    """Behind the first line, so that no other looks like the beginning of a statement."""
    lines = filter(str.strip, statement.rstrip(";").splitlines())
    return indent("\n".join(lines), "    ").strip()


def write(message: str, up: str, down: str, statements: Iterable[str]) -> Path:
    """Write a revision with these bodies, and with the statements that they execute; formatted."""
    script = command.revision(Config(toml_file=ROOT / "pyproject.toml"), message)
    assert isinstance(script, Script)  # noqa: S101  # a list only for several heads
    path = Path(script.path)
    head, body, rest = path.read_text().split("    pass\n")
    # Alembic's hook has removed the import that an empty revision does not need.
    head = head.replace("\n\nrevision", "\n\nfrom alembic import op\n\nrevision", 1)
    head = head.replace("\n\nfrom", "\n\nimport re\nfrom", 1)
    sql = ";\n".join(statements)
    head = head.replace("\n\n\ndef", f'\n\nSTATEMENTS = """\\\n{sql}\n"""\n\n\ndef', 1)
    path.write_text(f"{head}{indent(up, '    ')}\n{body}{indent(down, '    ')}\n{rest}")
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", path], check=True)
    return path


async def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.jobs_migration")
    parser.add_argument("--remove", action="store_true", help="drop the queue")
    parser.add_argument("--first", action="store_true", help="create it, without a database")
    given = parser.parse_args(arguments)
    remove = given.remove
    if given.first:
        write("create jobs", EXECUTE, DROP, create())
        return 0
    url = settings.postgres_migration_url or settings.postgres_url
    async with open_engine(settings, url) as engine, engine.connect() as connection:
        needed = await upgrade(connection)
    if remove and needed is None:
        sys.stderr.write("There is no queue to drop.\n")
        return 1
    if remove:
        refuse = f'op.execute("""\n{indent(REFUSE, "    ")}\n""")'
        write("drop jobs", f"{refuse}\n{DROP}", EXECUTE, create())
    elif needed is None:
        write("create jobs", EXECUTE, DROP, create())
    elif needed.statements:
        # A value that was added to an enum can be used by the next transaction only.
        block = f"with op.get_context().autocommit_block():\n{indent(EXECUTE, '    ')}"
        write("upgrade jobs", f"{WAIVERS}{block}", NO_WAY_BACK, beside_workers(needed.statements))
        sys.stdout.writelines(f"{note}\n" for note in needed.notes)
    else:
        sys.stdout.write("The queue is as the installed PgQueuer wants it.\n")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))

"""`python -m app.worker.admin list | held | retry | discard`: sees and repeats jobs."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings, settings
from app.core.database import open_database

LIST = text("""
    SELECT entrypoint AS job, count(*) FILTER (WHERE status = 'queued') AS waiting,
        count(*) FILTER (WHERE status = 'picked') AS running,
        count(*) FILTER (WHERE status = 'failed') AS held,
        coalesce(date_trunc('seconds', clock_timestamp() - min(created)
            FILTER (WHERE status = 'queued'))::text, '') AS oldest
    FROM jobs.pgqueuer GROUP BY entrypoint ORDER BY entrypoint
""")
HELD = text("""
    SELECT job.id, entrypoint AS job, attempts, coalesce(headers->>'crashes', '0') AS crashes,
        date_trunc('seconds', updated)::text AS since, coalesce(error, '') AS error
    FROM jobs.pgqueuer job LEFT JOIN LATERAL (
        SELECT left(traceback->>'exception_message', 60) AS error FROM jobs.pgqueuer_log
        WHERE job_id = job.id AND traceback IS NOT NULL ORDER BY pgqueuer_log.id DESC LIMIT 1
    ) last ON true
    WHERE status = 'failed' ORDER BY job.id LIMIT 1000
""")
RETRY = text("""
    WITH retried AS (
        UPDATE jobs.pgqueuer SET status = 'queued', attempts = 0, updated = now(),
            headers = coalesce(headers, '{}') - 'crashes' - 'started', execute_after = now()
        WHERE status = 'failed' AND (id = :id OR entrypoint = :job)
        RETURNING id, entrypoint, priority
    )
    INSERT INTO jobs.pgqueuer_log (job_id, status, entrypoint, priority)
    SELECT id, 'queued', entrypoint, priority FROM retried RETURNING job_id
""")
DISCARD = text("""
    WITH discarded AS (
        DELETE FROM jobs.pgqueuer WHERE status = 'failed' AND (id = :id OR entrypoint = :job)
        RETURNING id, entrypoint, priority
    )
    INSERT INTO jobs.pgqueuer_log (job_id, status, entrypoint, priority)
    SELECT id, 'deleted', entrypoint, priority FROM discarded RETURNING job_id
""")


async def table(session: AsyncSession, question: Any) -> str:
    """What the database answers, in columns; numbers to the right."""
    result = await session.execute(question)
    rows = [list(result.keys()), *map(list, result)]
    if len(rows) == 1:
        return "There are none."
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    numeric = [isinstance(value, int) for value in rows[1]]
    return "\n".join(
        "  ".join(
            str(value).rjust(width) if right else str(value).ljust(width)
            for value, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in rows
    )


async def change(session: AsyncSession, statement: Any, chosen: str) -> str:
    """Retry or discard the held job with this id, or all of this type."""
    values = {"id": int(chosen) if chosen.isdecimal() else None, "job": chosen}
    changed = (await session.scalars(statement, values)).all()
    if not changed:
        raise LookupError(f"No held job is {chosen}: python -m app.worker.admin held lists them.")
    return f"{len(changed)} job{'s' * (len(changed) > 1)}: {', '.join(map(str, changed[:20]))}"


async def run(settings: Settings, command: str, chosen: str = "") -> str:
    async with open_database(settings) as database, database.session() as session:
        match command:
            case "retry":
                return await change(session, RETRY, chosen)
            case "discard":
                return await change(session, DISCARD, chosen)
            case _:
                return await table(session, HELD if command == "held" else LIST)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m app.worker.admin")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="count the jobs of each type")
    commands.add_parser("held", help="list the jobs that failed for good, with their errors")
    for name in ("retry", "discard"):
        one = commands.add_parser(name, help=f"{name} a held job")
        one.add_argument("chosen", help="its id, or a type such as items.announce for all of it")
    try:
        sys.stdout.write(asyncio.run(run(settings, **vars(parser.parse_args(arguments)))) + "\n")
    except LookupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

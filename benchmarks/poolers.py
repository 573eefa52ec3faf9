"""What a pooler costs: the service beside itself through PgBouncer, in turns in one run.

`python -m benchmarks.poolers` takes six minutes. `make test-system` unpacks PgBouncer.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks.__main__ import new_service
from benchmarks.database import execute, fill
from benchmarks.measure import Row, rounds
from benchmarks.plan import SERVICE, Contender, Size
from benchmarks.server import SECOND, environment, pin, python
from tests.faults.poolers import NEW, OLD, ROLE, Pooler, pooled
from tests.faults.postgres import FaultyPostgres, faulty_postgres

SIZES = {
    "full": Size(5, {1: 2, 32: 2}),
    "smoke": Size(1, {2: 1}, works=("GET one", "POST one")),
}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.poolers", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--service", type=Path, help="a rendered and synced service")
    options = parser.parse_args(arguments)
    pin(SECOND)  # this process, Postgres, the poolers and the load; servers move to the other core
    with tempfile.TemporaryDirectory() as folder, faulty_postgres() as postgres:
        service = (options.service or new_service(Path(folder))).resolve()
        sys.stdout.write(measure(service, postgres, SIZES[options.size]))


def measure(service: Path, postgres: FaultyPostgres, size: Size) -> str:
    url = postgres.url("service")
    execute(postgres.url(), "CREATE DATABASE service", f"CREATE ROLE {ROLE} LOGIN SUPERUSER")
    run(service, url, "alembic", "upgrade", "head")
    fill(url)
    execute(postgres.url(), *run(service, f"postgresql://{ROLE}@/", "dev.pooler_sql"))
    with ExitStack() as stack:
        poolers = [stack.enter_context(pooled(r, postgres, "service")) for r in (NEW, OLD)]
        size = replace(size, contenders=(SERVICE, *map(contender, poolers)))
        return table(list(rounds(service, url, size)), size)


def run(service: Path, url: str, module: str, *arguments: str) -> list[str]:
    """The lines that a module of the service prints, without the first."""
    result = subprocess.run(
        [python(service), "-m", module, *arguments],
        cwd=service,
        env=environment(SERVICE, service, url),
        check=True,
        capture_output=True,
        text=True,
    )
    return result.stdout.splitlines()[1:]


def contender(pooler: Pooler) -> Contender:
    settings = {name.upper(): str(v) for name, v in pooler.release.settings.items()}
    return Contender(str(pooler.release), SERVICE.app, settings | {"POSTGRES_URL": pooler.url})


def table(rows: list[Row], size: Size) -> str:
    """Requests per second, the direct connection's as 1: the median of the rounds, in Markdown."""

    def ratio(name: str, work: str, connections: int) -> float:
        speeds = {
            (row["contender"], row["round"]): float(row["rps"])
            for row in rows
            if (row["work"], row["connections"]) == (work, connections)
        }
        both = ((speeds[name, n], speeds[SERVICE.name, n]) for n in range(size.rounds))
        return statistics.median(through / direct for through, direct in both)

    assert sum(row["failed"] for row in rows) == 0
    columns = [(each.name, n) for each in size.contenders[1:] for n in size.seconds]
    lines = [["", *(f"{name}, {n}" for name, n in columns)], ["---"] * (len(columns) + 1)]
    lines += [
        [work, *(f"{ratio(name, work, n):.2f}" for name, n in columns)] for work in size.works
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main(sys.argv[1:])

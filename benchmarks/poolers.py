"""What a pooler costs: the service beside itself through PgBouncer, in turns in one run.

`python -m benchmarks.poolers`, after `make test-system`, which unpacks PgBouncer.
"""

import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.__main__ import new_service
from benchmarks.database import execute
from benchmarks.measure import Row, _rounds
from benchmarks.plan import SERVICE, WORKS, Contender, Size
from benchmarks.server import environment, python
from tests.faults.poolers import NEW, OLD, ROLE, Pooler, pooled
from tests.faults.postgres import faulty_postgres

CONNECTIONS = {1: 1, 32: 1}
ROUNDS = 3


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, faulty_postgres() as postgres:
        service, url = new_service(Path(folder)), postgres.url("service")
        execute(postgres.url(), "CREATE DATABASE service", f"CREATE ROLE {ROLE} LOGIN SUPERUSER")
        run(service, url, "alembic", "upgrade", "head")
        execute(postgres.url(), *run(service, f"postgresql://{ROLE}@/", "dev.pooler_sql"))
        with ExitStack() as stack:
            poolers = [stack.enter_context(pooled(r, postgres, "service")) for r in (OLD, NEW)]
            contenders = (SERVICE, *map(contender, poolers))
            size = Size(ROUNDS, CONNECTIONS, contenders=contenders)
            sys.stdout.write(table(list(_rounds(service, url, size, 1)), contenders))


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


def table(rows: list[Row], contenders: tuple[Contender, ...]) -> str:
    """Requests per second, the direct connection's as 1, as rows of Markdown."""

    def rps(name: str, work: str, connections: int) -> float:
        return statistics.median(
            float(row["rps"])
            for row in rows
            if (row["contender"], row["work"], row["connections"]) == (name, work, connections)
        )

    heads = [f"{c.name}, {n}" for c in contenders[1:] for n in CONNECTIONS]
    lines = [["", *heads], ["---"] * (len(heads) + 1)]
    for work in WORKS:
        ratios = [
            rps(each.name, work, n) / rps(SERVICE.name, work, n)
            for each in contenders[1:]
            for n in CONNECTIONS
        ]
        lines.append([work, *(f"{ratio:.2f}" for ratio in ratios)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()

"""What a load needs, and what limits it first: `python -m dev.scale`, with your numbers as options.

docs/scale.md says where the numbers come from, and what is left out.
"""

import argparse
import math
import sys
from dataclasses import dataclass, fields

from dev.queueing import Service, simulate


@dataclass(frozen=True)
class Numbers:
    """Those of docs/scale.md; times are of CPU."""

    cpu_us: float = 825  # of a process, for a request
    read_us: float = 26  # of Postgres, for a request that reads
    write_us: float = 94  # of Postgres, for one that writes
    writes: float = 0.2  # share of the requests
    row_bytes: float = 324  # of a row that is written, with its share of the indexes
    busy: float = 0.6  # of a core, at most
    connections: float = 22  # of a process to the primary, at most
    max_connections: float = 80  # of Postgres, without its reserve
    pooler_clients: float = 1000  # of one PgBouncer
    cores: float = 4  # of the primary
    largest: float = 64  # cores of the largest primary to be had
    table_gb: float = 100  # of a table that need not be partitioned

    @property
    def of_a_process(self) -> float:
        """Requests a second."""
        return self.busy * 1e6 / self.cpu_us

    @property
    def postgres_us(self) -> float:
        return (1 - self.writes) * self.read_us + self.writes * self.write_us


def limits(own: Numbers) -> list[tuple[float, str, str]]:
    """Requests a second, what cannot do more, and what is added: the first limit first."""
    core = own.busy * 1e6
    most = own.max_connections / own.connections
    writing = core / (own.writes * own.write_us)
    return sorted(
        [
            (own.of_a_process, "a process", "processes, each a pod"),
            (most * own.of_a_process, "connections to Postgres", "a pooler"),
            (own.cores * core / own.postgres_us, "the primary's cores", "replicas for reads"),
            (own.cores * writing, "its cores, for writes alone", "a larger primary"),
            (own.largest * writing, "the largest primary", "shards"),
        ]
    )


def needs(own: Numbers, times: int) -> list[str]:
    """At so many times the load of one process."""
    load = times * own.of_a_process
    connections = times * own.connections
    pooled = connections > own.max_connections
    poolers = math.ceil(connections / own.pooler_clients) + 1 if pooled else 0  # one may fail
    cores = [
        load * share * us / 1e6 / own.busy
        for share, us in ((1 - own.writes, own.read_us), (own.writes, own.write_us))
    ]
    days = own.table_gb * 1e9 / (load * own.writes * own.row_bytes * 86_400)
    exact = [load, times, connections, poolers]
    return [f"{times} x", *(f"{n:,.0f}" for n in exact), *(f"{n:,.2f}" for n in (*cores, days))]


def table(*rows: list[str]) -> str:
    head, *others = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *others])


def report(own: Numbers) -> str:
    first = own.of_a_process
    ordered = [[f"{n:,.0f}", f"{n / first:,.0f} x", *words] for n, *words in limits(own)]
    head = ["load", "requests/s", "processes", "connections", "poolers"]
    head += ["cores for reads", "for writes", f"days to {own.table_gb:g} GB"]
    service = Service(own.cpu_us, own.postgres_us)
    waits = [
        [f"{busy:.0%}", f"{wait.p50_ms:.1f}", f"{wait.p99_ms:.0f}"]
        for busy in (0.3, 0.6, 0.8, 0.9)
        for wait in [simulate(service, per_second=busy * 1e6 / own.cpu_us, requests=20_000)]
    ]
    return "\n\n".join(
        [
            table(["requests/s", "times a process", "what is full", "what is added"], *ordered),
            table(head, *(needs(own, times) for times in (1, 10, 100, 1000))),
            table(["a process is busy", "p50 ms", "p99 ms"], *waits),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="What a load needs: docs/scale.md.")
    for field in fields(Numbers):
        name = f"--{field.name.replace('_', '-')}"
        parser.add_argument(name, type=float, default=field.default, metavar="N")
    sys.stdout.write(report(Numbers(**vars(parser.parse_args()))) + "\n")


if __name__ == "__main__":
    main()

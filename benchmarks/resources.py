"""What reads of a resource that `make resource` wrote take, beside those of the example.

Both are in one process, and have the same columns, rows and indexes. Prints ratios of CPU time: the
median, and that of each round.

uv run python -m benchmarks.resources
"""

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks import checks, database
from benchmarks.__main__ import new_service
from benchmarks.load import load
from benchmarks.measure import PER_SECOND
from benchmarks.plan import SERVICE, WORKS, Request
from benchmarks.server import SECOND, Server, pin, serve
from fleet.resource.project import Project
from fleet.resource.reading import read
from fleet.resource.record import Recorded
from fleet.resource.writing import files, write

FIELDS = "name:str(100) unique search, attributes:json={}"
TABLE = ("CREATE TABLE lamp (LIKE item INCLUDING ALL)", "INSERT INTO lamp SELECT * FROM item")
READS = ("GET one", "list 20")
ROUNDS, SECONDS, CONNECTIONS = 9, 1, 32


def main() -> None:
    pin(SECOND)
    with tempfile.TemporaryDirectory() as folder:
        service = new_service(Path(folder))
        project = Project(service)
        write(project, files(project, read(project, "lamp", Recorded(fields=FIELDS))))
        with database.migrated_database(service) as url:
            database.execute(url, *TABLE, "VACUUM ANALYZE lamp")
            for place in ("after", "before"):
                with serve(SERVICE, service, url) as server:
                    for work in READS:
                        ratios = [compare(server, work) for _ in range(ROUNDS + 1)][1:]  # warm
                        report(work, place, ratios)
                _put_first(service / "app/api.py")


def report(work: str, place: str, ratios: list[float]) -> None:
    middle, shown = statistics.median(ratios), " ".join(f"{each:.3f}" for each in sorted(ratios))
    sys.stdout.write(f"{work}, routes {place} the example's: {middle:.3f} ({shown})\n")
    sys.stdout.flush()


def _put_first(api: Path) -> None:
    """A router is asked in turn: those that come late pay for those before."""
    *lines, items, lamps = api.read_text().splitlines()
    api.write_text("\n".join([*lines, lamps, items, ""]))


def compare(server: Server, work: str) -> float:
    """The CPU time of a request to lamps, in that of one to items: items, lamps, lamps, items."""
    cursors = checks.cursors(server.url)
    items = [WORKS[work](cursors) for _ in range(SECONDS * PER_SECOND)]
    lamps = [each._replace(path=each.path.replace("/items", "/lamps", 1)) for each in items]
    first, *both, last = [microseconds(server, each) for each in (items, lamps, lamps, items)]
    return sum(both) / (first + last)


def microseconds(server: Server, requests: list[Request]) -> float:
    before = server.cpu_seconds()
    result = load(server.port, requests, connections=CONNECTIONS, seconds=SECONDS)
    assert not result.failed
    return 1e6 * (server.cpu_seconds() - before) / result.requests


if __name__ == "__main__":
    main()

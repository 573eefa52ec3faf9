"""A simulation of requests that queue: for the CPU of a process, its pool, and the CPU of Postgres.

It leaves out the network, the disk, locks, and neighbours on the machine.
"""

import heapq
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple, TypeAlias


@dataclass(frozen=True)
class Service:
    """What a request takes on average, by chance more or less, and what there is of each."""

    cpu_us: float
    postgres_us: float
    processes: int = 1
    pool: int = 10  # of each process
    cores: int = 2  # of Postgres


class Outcome(NamedTuple):
    per_second: float
    p50_ms: float
    p99_ms: float


class Station:
    """Servers, and the one queue before them."""

    def __init__(self, servers: int) -> None:
        self.free = servers
        self.waiting: deque[Task] = deque()


Task: TypeAlias = Iterator[float | Station]  # seconds that pass, or what it queues for


class Simulation:
    """Processes with a pool each, before one Postgres."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.random = random.Random(1)  # noqa: S311 - no secret: the same chances each time
        self.processes = [(Station(1), Station(service.pool)) for _ in range(service.processes)]
        self.postgres = Station(service.cores)
        self.now, self.took = 0.0, list[tuple[float, float]]()
        self.order, self.due = count(), list[tuple[float, int, Task]]()

    def start(self, task: Task, after: float = 0) -> None:
        heapq.heappush(self.due, (self.now + after, next(self.order), task))

    def run(self, requests: int) -> Outcome:
        """Until so many are answered. The first tenth, in which queues fill, does not count."""
        while len(self.took) < requests:
            self.now, _, task = heapq.heappop(self.due)
            match next(task, None):
                case Station() as station if station.free:
                    station.free -= 1
                    self.start(task)
                case Station() as station:
                    station.waiting.append(task)
                case float() as seconds:
                    self.start(task, seconds)
        counted = self.took[requests // 10 :]
        per_second = len(counted) / (counted[-1][0] - counted[0][0])
        ms = sorted(1000 * seconds for _, seconds in counted)
        return Outcome(per_second, ms[len(ms) // 2], ms[len(ms) * 99 // 100])

    def leave(self, station: Station) -> None:
        if station.waiting:
            self.start(station.waiting.popleft())
        else:
            station.free += 1

    def use(self, station: Station, us: float) -> Task:
        yield station
        yield self.by_chance(us)
        self.leave(station)

    def by_chance(self, us: float) -> float:
        return self.random.expovariate(1) * us / 1e6

    def request(self, process: int) -> Task:
        began, (cpu, pool) = self.now, self.processes[process]
        yield from self.use(cpu, self.service.cpu_us / 2)
        yield pool
        yield from self.use(self.postgres, self.service.postgres_us)
        self.leave(pool)
        yield from self.use(cpu, self.service.cpu_us / 2)
        self.took.append((self.now, self.now - began))

    def client(self, process: int) -> Task:
        while True:
            yield from self.request(process)

    def arrivals(self, per_second: float) -> Task:
        while True:
            yield self.by_chance(1e6 / per_second)
            self.start(self.request(self.random.randrange(len(self.processes))))


def simulate(
    service: Service, *, clients: int = 0, per_second: float = 0, requests: int = 5_000
) -> Outcome:
    """Of clients that wait for each answer, or of arrivals `per_second` that wait for nobody."""
    simulation = Simulation(service)
    for number in range(clients):
        simulation.start(simulation.client(number % service.processes))
    if per_second:
        simulation.start(simulation.arrivals(per_second))
    return simulation.run(requests)

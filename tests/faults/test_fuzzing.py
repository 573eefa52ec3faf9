"""Requests that nobody thought of, made from the service's own OpenAPI document."""

import asyncio
import re
import threading
from pathlib import Path

import pytest

from tests.faults.conftest import Serve, through_poolers
from tests.faults.fuzzing import WITH_NUL, WITHOUT_NUL, fuzz
from tests.faults.production import Service
from tests.support.figures import figure

pytestmark = [pytest.mark.slow, through_poolers]


class MemoryMeter:
    """What a service occupies after so many requests; a thread counts them in its log."""

    def __init__(self, service: Service, after: int) -> None:
        self.service = service
        self.after = after
        self.bytes: int | None = None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run)

    @property
    def requests(self) -> int:
        return len(re.findall(r'"event": ?"request"', self.service.served.output.read_text()))

    def _run(self) -> None:
        while self.bytes is None and not self.stopped.wait(0.2):
            if self.requests >= self.after:
                self.bytes = self.service.memory()

    def __enter__(self) -> "MemoryMeter":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.thread.join()


def test_requests_made_from_the_description_find_no_fault_and_no_leak(
    serve: Serve, tmp_path: Path, full: bool
) -> None:
    service = serve(app="app.main:app")
    enough, warm, examples = (10_000, 2_000, 100) if full else (400, 100, 10)

    with MemoryMeter(service, after=warm) as meter:
        seed = 0
        while meter.requests < enough:
            for configuration in (WITHOUT_NUL, WITH_NUL):
                fuzz(service.served.url, tmp_path, configuration, examples=examples, seed=seed)
            seed += 1
    warm_bytes, final_bytes = meter.bytes, service.memory()
    assert warm_bytes is not None

    statuses = {line["status"] for line in service.log if line["event"] == "request"}
    figure(
        "fuzzed requests",
        requests=meter.requests,
        statuses=" ".join(map(str, sorted(statuses))),
        rss_mb_after_warm_up=warm_bytes / 2**20,
        rss_mb_in_the_end=final_bytes / 2**20,
        ratio=final_bytes / warm_bytes,
    )
    assert max(statuses) < 500
    asyncio.run(service.check_that_no_transaction_is_open())
    service.check_log([])
    if full:
        assert final_bytes <= 1.1 * warm_bytes

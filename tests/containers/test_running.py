"""The image runs as production runs it: beside a database, migrated, probed, ended."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from tests.containers.conftest import Pod
from tests.support.serving import until

pytestmark = [pytest.mark.slow, pytest.mark.system]


def get(port: int, path: str) -> int | None:
    """The status of an answer, or None without one."""
    try:
        return httpx2.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=10).status_code
    except httpx2.TransportError:
        return None


def test_a_service_is_migrated_becomes_ready_and_serves(pod: Pod) -> None:
    before = pod.serve()
    until(lambda: get(before, "/health/live") == 200, "the service lives")
    not_ready = get(before, "/health/ready")
    pod.migrate()
    until(lambda: get(before, "/health/ready") == 200, "the service is ready")

    url = f"http://127.0.0.1:{before}/items"
    created = httpx2.post(url, json={"name": "lamp"}, trust_env=False)
    listed = httpx2.get(url, trust_env=False).json()["items"]

    assert not_ready == 503
    assert (created.status_code, [item["name"] for item in listed]) == (201, ["lamp"])


def test_a_container_runs_as_nobody_and_can_write_nothing(pod: Pod) -> None:
    pod.serve()
    inside = pod.container("app")
    program = "import os; print(os.getuid(), os.getgid(), os.environ['ENVIRONMENT'])"

    who = pod.engine("exec", inside, "python", "-c", program)
    touched = pod.engine.try_to("exec", inside, "python", "-c", "open('/srv/app/x', 'w')")
    capabilities = pod.engine(
        "exec", inside, "python", "-c", "print(open('/proc/1/status').read())"
    )

    assert who == "10001 10001 production"
    assert "Read-only file system" in touched.stderr
    masks = {
        line.split()[0]: line.split()[1] for line in capabilities.splitlines() if "Cap" in line
    }
    assert masks == dict.fromkeys(["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"], "0" * 16)
    assert "NoNewPrivs:\t1" in capabilities


def test_the_health_check_fails_while_the_service_hangs(pod: Pod) -> None:
    pod.serve()
    container = pod.container("app")
    pod.engine.wait_until_healthy(container)

    pod.engine("kill", "--signal=STOP", container)
    hanging = pod.engine.is_healthy(container)
    pod.engine("kill", "--signal=CONT", container)

    assert not hanging
    pod.engine.wait_until_healthy(container)


def test_sigterm_under_load_ends_with_0_and_fails_no_request(pod: Pod) -> None:
    pod.migrate()
    port = pod.serve()
    until(lambda: get(port, "/health/ready") == 200, "the service is ready")

    with load(port) as statuses:
        until(lambda: len(statuses) > 50, "requests are answered")
        code = pod.stop("app")

    assert code == 0
    assert set(statuses) == {200}
    assert "Traceback" not in pod.engine("logs", pod.container("app"))


@contextmanager
def load(port: int, clients: int = 4) -> Iterator[list[int | None]]:
    """Clients behind a load balancer: none sends to a service that says that it is not ready."""
    statuses: list[int | None] = []
    taken_out = threading.Event()

    def watch() -> None:
        while not taken_out.is_set() and get(port, "/health/ready") == 200:
            taken_out.wait(0.1)
        taken_out.set()

    def send() -> None:
        while not taken_out.is_set():
            statuses.append(get(port, "/items"))

    threads = [threading.Thread(target=target) for target in (watch, *[send] * clients)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        taken_out.set()
        for thread in threads:
            thread.join()


def test_every_line_of_the_log_is_json(pod: Pod) -> None:
    port = pod.serve()
    until(lambda: get(port, "/health/live") == 200, "the service lives")
    pod.stop("app")

    lines = pod.engine("logs", pod.container("app")).splitlines()

    assert {json.loads(line)["service"] for line in lines} == {"my-service"}

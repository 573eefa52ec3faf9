"""The image runs as production runs it: beside a database, migrated, probed, ended."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
import yaml

from tests.support.containers import AS_IN_PRODUCTION, Engine
from tests.support.serving import free_port, until

pytestmark = [pytest.mark.slow, pytest.mark.system]


@dataclass(frozen=True)
class Pod:
    """Containers of one compose.yaml, started in its order, on a network of their own."""

    engine: Engine
    image: str
    document: dict[str, dict[str, dict[str, object]]]
    name: str

    def container(self, service: str) -> str:
        return f"{self.name}-{service}"

    def run(self, service: str, *options: str) -> str:
        """Start a service of compose.yaml with its own image, environment, command and limits."""
        told = self.document["services"][service]
        environment = told.get("environment", {})
        assert isinstance(environment, dict)
        command = told.get("command", [])
        assert isinstance(command, list)
        limits = AS_IN_PRODUCTION if told.get("read_only") else ()
        return self.engine(
            "run",
            f"--name={self.container(service)}",
            f"--network={self.name}",
            f"--network-alias={service}",
            *limits,
            *(f"--env={name}={value}" for name, value in environment.items()),
            *options,
            str(told.get("image", self.image)),
            *command,
        )

    def migrate(self) -> str:
        return self.run("migrate", "--rm")

    def serve(self, *options: str) -> int:
        """The port of this machine on which the service answers."""
        port = free_port()
        self.run("app", "--detach", f"--publish=127.0.0.1:{port}:8000", *options)
        return port

    def stop(self, service: str) -> int:
        """The exit code after SIGTERM."""
        self.engine("stop", "--time=40", self.container(service))
        return int(self.engine("wait", self.container(service)))


@pytest.fixture
def pod(engine: Engine, image: str, locked: Path) -> Iterator[Pod]:
    document = yaml.safe_load((locked / "compose.yaml").read_text())
    pod = Pod(engine, image, document, f"net-{uuid4().hex[:8]}")
    engine("network", "create", pod.name)
    try:
        pod.run("postgres", "--detach")
        ready = ("exec", pod.container("postgres"), "pg_isready", "--host=127.0.0.1")
        until(lambda: engine.try_to(*ready).returncode == 0, "Postgres is ready")
        yield pod
    finally:
        engine("rm", "--all", "--force", "--time=0")
        engine("network", "rm", pod.name)


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

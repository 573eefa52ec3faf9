"""A service, its image and a database, each in a container of its own."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
import yaml

from tests.support.commands import UV, run
from tests.support.containers import AS_IN_PRODUCTION, Engine, add_base_images
from tests.support.serving import free_port, until


@pytest.fixture(scope="session")
def engine(render: Callable[..., Path]) -> Iterator[Engine]:
    # Not below pytest's folder: overlays do not lie in memory, nor are their paths that long.
    with TemporaryDirectory(prefix="podman-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        engine = Engine(Path(folder))
        try:
            add_base_images(engine, render(python_image_version="3.11"))
            yield engine
        finally:
            engine.remove_all()


@pytest.fixture(scope="session")
def locked(render: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service with uv.lock, and with what never comes into an image."""
    folder = tmp_path_factory.mktemp("image") / "my-service"
    shutil.copytree(render(python_image_version="3.11"), folder)
    run(UV, "lock", cwd=folder).check_returncode()
    (folder / ".env").write_text("POSTGRES_URL=postgresql://developer:secret@localhost/app\n")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return folder


@pytest.fixture(scope="session")
def image(engine: Engine, locked: Path) -> str:
    engine.build(locked, "my-service")
    return "my-service"


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

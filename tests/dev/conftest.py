"""A service that consists of `dev/` alone, and processes that run in it."""

import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

DEV = Path(__file__).resolve().parents[2] / "template" / "dev"
DEADLINE_SECONDS = 30
HOLD = """
import sys
from pathlib import Path
from dev import postgres
with {server} as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"After {DEADLINE_SECONDS} s still not: {what}"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    return ps(pid, "stat")[:1] not in ("", "Z")


def read_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline()


def ps(pid: int, column: str) -> str:
    command = ["ps", "-o", f"{column}=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


class Held:
    """A process that holds a server, and all that should be gone with it."""

    def __init__(self, process: "subprocess.Popen[str]", data: Path | None) -> None:
        self.process = process
        self.url = read_line(process).strip()
        if not self.url:
            pytest.fail(process.communicate()[1])
        self.folder = Path(parse_qs(urlsplit(self.url).query)["host"][0])
        self.data = data or self.folder / "data"
        self.postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        self.keeper = int(ps(self.postmaster, "ppid"))

    def leave(self) -> None:
        self.process.communicate(timeout=DEADLINE_SECONDS)
        assert self.process.returncode == 0

    def traces(self) -> list[str]:
        pids = {"Postgres": self.postmaster, "keeper": self.keeper}
        alive = [name for name, pid in pids.items() if is_alive(pid)]
        return alive + [str(path) for path in [self.folder] if path.exists()]


class Service:
    def __init__(self, root: Path) -> None:
        self.root = root
        # Without what answers add: the issuer and the worker.
        left_out = shutil.ignore_patterns("__pycache__", "issuer.py", "worker.py")
        shutil.copytree(DEV, root / "dev", ignore=left_out)
        hidden = ("PG", "POSTGRES_URL", "DATABASE_URL", "ENV_FILE")
        self.env = {
            name: value for name, value in os.environ.items() if not name.startswith(hidden)
        }
        if "PG_BIN_DIR" in os.environ:
            self.env["PG_BIN_DIR"] = os.environ["PG_BIN_DIR"]
        self.env["PYTHONDONTWRITEBYTECODE"] = "1"
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str, own_session: bool = False) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=own_session,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        process = self.start(*arguments)
        out, err = process.communicate(timeout=DEADLINE_SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def hold_temporary(self) -> Held:
        return Held(self.start("-c", HOLD.format(server="postgres.temporary_server()")), None)

    def hold_development(self, data: str = "data") -> Held:
        code = HOLD.format(server="postgres.development_server(Path.cwd())")
        return Held(self.start("-c", code), self.root / ".postgres" / data)

    @functools.cache  # noqa: B019 - a service lives as long as its test
    def programs(self) -> Path:
        code = "from dev import postgres; print(postgres.find_binaries())"
        return Path(self.run("-c", code).stdout.strip())

    def sql(self, url: str, statement: str) -> str:
        command = [str(self.programs() / "psql"), url, "-XAtc", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def stop_all(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=DEADLINE_SECONDS)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[Callable[[Path], Service]]:
    made: list[Service] = []

    def make(root: Path = tmp_path / "service") -> Service:
        made.append(Service(root))
        return made[-1]

    yield make
    for service in made:
        service.stop_all()


@pytest.fixture
def service(make_service: Callable[[], Service]) -> Service:
    return make_service()

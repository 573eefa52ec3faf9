"""`make demo` and `make dev`, as a newcomer meets them: one command, and Ctrl-C leaves nothing."""

import os
import pty
import re
import select
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.support import services, serving
from tests.support.serving import Served, clean_environment, free_port

pytestmark = pytest.mark.slow

Demo = Callable[..., AbstractContextManager[Served]]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """What `git clone` of the working tree would give."""
    return services.snapshot(tmp_path / "template")


@pytest.fixture
def demo(repository: Path, tmp_path: Path) -> Demo:
    """`with demo() as served: ...` runs `make demo PORT=...`. In the end it must have stopped."""

    @contextmanager
    def demo(*, by_environment: bool = False, **variables: str) -> Iterator[Served]:
        port = free_port()
        named = [] if by_environment else [f"PORT={port}"]
        environment = clean_environment(**variables) | (
            {"PORT": str(port)} if by_environment else {}
        )
        with serving.serving(
            ["make", "demo", *named], repository, environment, port, tmp_path
        ) as served:
            yield served

    return demo


def press_ctrl_c(served: Served) -> None:
    """What a terminal does, for those who have none: SIGINT for the whole process group."""
    os.killpg(served.process.pid, signal.SIGINT)
    served.wait()


def left_in(repository: Path, served: Served) -> list[str]:
    """Processes that run after the end: of the demo's group, or with the folder in the command."""
    return served.left() + serving.processes("ppid", str(repository))


def names(served: Served) -> list[str]:
    return [item["name"] for item in served.get("/items").json()["items"]]


def test_a_demo_serves_keeps_its_data_and_what_people_added(repository: Path, demo: Demo) -> None:
    build = repository / "build" / "demo"

    with demo() as served:
        served.wait_until_it_answers("/health/ready")
        created = served.request("POST", "/items", json={"name": "lamp"})
        press_ctrl_c(served)

        assert created.status_code == 201
        assert f"Docs: {served.url}/docs\n" in served.said
        assert "Traceback" not in served.said
        assert left_in(repository, served) == []

    ours, theirs = build / "app" / "api.py", build / "app" / "notes.txt"
    rendered = ours.read_text()
    ours.write_text("an edit")
    theirs.write_text("mine")
    with demo(by_environment=True) as served:
        served.wait_until_it_answers("/health/ready")

        assert names(served) == ["lamp"]
        assert ours.read_text() == rendered
        assert theirs.read_text() == "mine"
        press_ctrl_c(served)

        assert left_in(repository, served) == []
    assert services.git(repository, "status", "--porcelain") == ""


def test_a_file_that_the_template_no_longer_has_leaves_the_demo(repository: Path) -> None:
    (repository / "template" / "app" / "old.txt").write_text("old")
    render_only(repository)
    before = sorted(path.name for path in (repository / "build" / "demo" / "app").glob("*.txt"))

    (repository / "template" / "app" / "old.txt").unlink()
    render_only(repository)
    after = sorted(path.name for path in (repository / "build" / "demo" / "app").glob("*.txt"))

    assert (before, after) == (["old.txt"], [])


def render_only(repository: Path) -> None:
    """`make demo` up to the point where it serves, which a port that is taken prevents."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = make(repository, "demo", f"PORT={port}")
    assert result[0] == 2
    assert f"\nPort {port} is taken. Try PORT={port + 1} make demo\n" in f"\n{result[1]}"


def make(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit code and everything printed."""
    with serving.serving(
        ["make", *arguments], folder, clean_environment(), 0, folder.parent
    ) as served:
        return served.wait(), served.said


def test_a_taken_port_is_reported_with_the_way_out(repository: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code, said = make(repository, "demo", f"PORT={port}")

    assert code == 2
    assert re.findall(r"^Port .*$", said, re.MULTILINE) == [
        f"Port {port} is taken. Try PORT={port + 1} make demo"
    ]
    assert not (repository / "build" / "demo" / ".postgres").exists()


def test_a_folder_that_the_demo_has_not_made_is_left_alone(repository: Path) -> None:
    precious = repository / "build" / "demo" / "thesis.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")

    code, said = make(repository, "demo", f"PORT={free_port()}")

    assert code == 2
    assert "build/demo was not made by `make demo`: move it away.\n" in said
    assert sorted(path.name for path in precious.parent.iterdir()) == ["thesis.txt"]


def test_ctrl_c_in_a_terminal_stops_the_demo_without_a_traceback(repository: Path) -> None:
    port = free_port()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(repository)
        os.execvpe("make", ["make", "demo"], clean_environment(PORT=str(port)))
    said = ""
    try:
        said += read_until(terminal, "startup complete")
        os.write(terminal, b"\x03")
        said += read_until(terminal, None)
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)

    assert f"Docs: http://127.0.0.1:{port}/docs" in said
    assert "Traceback" not in said, said
    deadline = time.monotonic() + 5
    while (left := serving.processes("ppid", str(repository))) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left == []


def read_until(terminal: int, text: str | None) -> str:
    """What a terminal shows until the text stands there; None: until nobody writes any more."""
    said = ""
    deadline = time.monotonic() + serving.DEADLINE_SECONDS
    while text is None or text not in said:
        assert time.monotonic() < deadline, said
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                said += os.read(terminal, 4096).decode(errors="replace")
            except OSError:  # Linux's way to say that the other side is closed
                return said
    return said


@pytest.fixture
def path_without_uv(tmp_path: Path) -> str:
    """PATH, but what stands beside a uv stands in a folder of its own."""
    folders = []
    for number, folder in enumerate(clean_environment()["PATH"].split(os.pathsep)):
        if Path(folder, "uv").exists():
            others = tmp_path / f"bin{number}"
            others.mkdir()
            for program in Path(folder).iterdir():
                if program.name not in ("uv", "uvx"):
                    (others / program.name).symlink_to(program)
            folders.append(str(others))
        else:
            folders.append(folder)
    return os.pathsep.join(folders)


def test_without_uv_a_demo_gets_one_into_the_repository(
    repository: Path, demo: Demo, path_without_uv: str
) -> None:
    assert shutil.which("uv", path=path_without_uv) is None

    with demo(PATH=path_without_uv) as served:
        served.wait_until_it_answers("/health/ready")
        press_ctrl_c(served)

        assert left_in(repository, served) == []
    assert (repository / ".uv" / "bin" / "uv").exists()
    assert services.git(repository, "status", "--porcelain") == ""

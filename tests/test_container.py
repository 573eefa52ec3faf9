"""The image: what goes in, what starts, what health checks tell. No Docker."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.support.commands import TOOLS, UV, run
from tests.support.serving import free_port
from tests.test_compose import compose

pytestmark = pytest.mark.slow

Render = Callable[..., Path]


def instruction(dockerfile: Path, name: str) -> str:
    """The arguments of the last such instruction, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", dockerfile.read_text())
    found: list[str] = re.findall(rf"^{name} (.*)$", text, re.MULTILINE)
    return found[-1]


def image_command(service: Path) -> list[str]:
    command: list[str] = json.loads(instruction(service / "Dockerfile", "CMD"))
    return command


def image_health_check(service: Path) -> list[str]:
    _, _, text = instruction(service / "Dockerfile", "HEALTHCHECK").partition(" CMD ")
    command: list[str] = json.loads(text)
    return command


def test_the_dockerfile_passes_hadolint(render: Render) -> None:
    result = run(TOOLS / "hadolint", "Dockerfile", cwd=render())

    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize(
    ("answer", "image"),
    [
        ({"python_image_version": "3.12"}, "python:3.12-slim"),
        ({"python_image": "registry.example.com/python:3.14"}, "registry.example.com/python:3.14"),
    ],
)
def test_both_stages_are_the_image_that_was_chosen(
    render: Render, answer: dict[str, str], image: str
) -> None:
    dockerfile = (render(**answer) / "Dockerfile").read_text()

    assert re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE) == [image, image]


def test_the_image_runs_as_nobody_in_particular(render: Render) -> None:
    assert instruction(render() / "Dockerfile", "USER") == "10001:10001"


def test_the_image_runs_the_command_of_make_serve(render: Render) -> None:
    service = render(http_port=9001)

    recipe = run("make", "--dry-run", "serve", "HOST=0.0.0.0", "PORT=9001", cwd=service)
    served = re.findall(r"uvicorn app\.main:app .*", recipe.stdout)

    assert [shlex.split(command) for command in served] == [image_command(service)]
    [log] = re.findall(r"UVICORN_LOG_CONFIG := (\S+)", (service / "Makefile").read_text())
    assert f"    UVICORN_LOG_CONFIG={log} \\\n" in (service / "Dockerfile").read_text()


def test_the_health_check_of_compose_is_that_of_the_image_but_asks_for_readiness(
    render: Render,
) -> None:
    service = render()

    *command, program = image_health_check(service)

    assert compose(service)["services"]["app"]["healthcheck"]["test"] == [
        "CMD",
        *command,
        program.replace("/health/live", "/health/ready"),
    ]


@contextmanager
def server_that_answers(status: int) -> Iterator[tuple[int, list[str]]]:
    """A server on a free port, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


def check_health(service: Path, port: int) -> int:
    """The exit code of the image's check, on another port and with a proxy that is down."""
    _, option, program = image_health_check(service)
    command = (sys.executable, option, program.replace("8000", str(port)))
    return run(*command, cwd=service, http_proxy="http://127.0.0.1:9").returncode


@pytest.mark.parametrize(("status", "exit_code"), [(200, 0), (404, 1), (500, 1), (503, 1)])
def test_the_health_check_tells_what_the_service_answers(
    render: Render, status: int, exit_code: int
) -> None:
    with server_that_answers(status) as (port, asked):
        result = check_health(render(), port)

    assert (result, asked) == (exit_code, ["/health/live"])


def test_the_health_check_fails_when_nothing_listens(render: Render) -> None:
    assert check_health(render(), free_port()) == 1


def sent_to_the_builder(service: Path, path: str) -> bool:
    """Whether Docker sends the file: the last pattern that fits it or its folder decides."""
    folders = [path, *map(str, Path(path).parents)][:-1]
    sent = True
    for line in (service / ".dockerignore").read_text().splitlines():
        pattern = re.escape(line.removeprefix("!"))
        pattern = pattern.replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(pattern, folder) for folder in folders):
            sent = line.startswith("!")
    return sent


def test_only_what_the_service_runs_on_goes_into_the_image(render: Render) -> None:
    service = render()
    rendered = {str(file.relative_to(service)) for file in service.rglob("*") if file.is_file()}
    code = {file for file in rendered if file.startswith(("app/", "migrations/"))}
    later = {".env", ".git/config", ".venv/bin/python", ".postgres/data", "app/__pycache__/a.pyc"}

    sent = {file for file in rendered | later | {"uv.lock"} if sent_to_the_builder(service, file)}

    assert sent == code | {"pyproject.toml", "uv.lock"}


def build(service: Path, image: Path) -> subprocess.CompletedProcess[str]:
    """What `docker build` does in its first stage, with the same files and the same command."""
    image.mkdir(exist_ok=True)
    text = (service / "Dockerfile").read_text()
    [patterns, *_] = re.findall(r"^COPY (\w.*) \./$", text, re.MULTILINE)
    for pattern in patterns.split():
        files = list(service.glob(pattern))
        assert files or "[" in pattern, f"COPY fails: there is no {pattern}."
        for file in files:
            shutil.copy(file, image)
    [command, *_] = re.findall(r"^RUN --mount=\S+ (\[.*\])$", text, re.MULTILINE)
    path = os.pathsep.join([str(UV.parent), os.environ["PATH"]])
    return run(*json.loads(command), cwd=image, PATH=path)


def copy_what_is_sent(service: Path, image: Path) -> None:
    for file in service.rglob("*"):
        name = str(file.relative_to(service))
        if file.is_file() and sent_to_the_builder(service, name):
            (image / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, image / name)


def test_an_image_without_a_lock_file_is_refused_with_the_way_out(
    render: Render, tmp_path: Path
) -> None:
    result = build(render(), tmp_path)

    assert result.returncode == 1
    assert "Unable to find lockfile at `uv.lock`" in result.stderr
    assert "To create a lockfile, run `uv lock`" in result.stderr


def test_the_image_holds_all_that_serving_and_migrating_need(
    render: Render, tmp_path: Path
) -> None:
    service, image, port = tmp_path / "service", tmp_path / "image", free_port()
    shutil.copytree(render(), service)
    run(UV, "lock", cwd=service).check_returncode()
    build(service, image).check_returncode()
    copy_what_is_sent(service, image)
    environment = {
        "PATH": f"{image}/.venv/bin",
        "POSTGRES_URL": "postgresql://nobody@127.0.0.1:9/nothing",
        "ENVIRONMENT": "production",
    }

    migrations = run("alembic", "heads", cwd=image, **environment)
    command = [word.replace("8000", str(port)) for word in image_command(service)]
    with subprocess.Popen(
        command, cwd=image, env=environment, stdout=subprocess.DEVNULL
    ) as uvicorn:
        deadline = time.monotonic() + 30
        while health := check_health(service, port):
            if uvicorn.poll() is not None or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        uvicorn.kill()

    assert (migrations.returncode, health) == (0, 0)
    assert not (image / ".venv/bin/pytest").exists()


def test_compose_waits_longer_for_the_end_than_the_service_takes(render: Render) -> None:
    service = render()
    command = image_command(service)
    app = compose(service)["services"]["app"]

    graceful = int(command[command.index("--timeout-graceful-shutdown") + 1])
    longest_drain = 5

    assert int(app["stop_grace_period"].removesuffix("s")) > graceful + longest_drain

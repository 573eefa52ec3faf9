"""The image that the rendered Dockerfile makes, built by an engine."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.containers import Engine

pytestmark = [pytest.mark.slow, pytest.mark.system]

PROGRAMS = ("usr/bin/*", "usr/sbin/*", "usr/local/bin/*", "srv/.venv/bin/*")
OWN_BYTES = 89_000_000
TOOLS = re.compile(r"(uvx?|pip\d?[\d.]*|ensurepip|gcc|cc|c\+\+|g\+\+|clang|ld|make)")


@contextmanager
def mounted(engine: Engine, image: str) -> Iterator[Path]:
    try:
        yield Path(engine("image", "mount", image))
    finally:
        engine("image", "unmount", image)


def test_the_image_holds_the_service_and_nothing_to_build_or_attack_it_with(
    engine: Engine, image: str
) -> None:
    with mounted(engine, image) as root:
        ours = {path.name for path in (root / "srv").iterdir()}
        programs = {path for folder in PROGRAMS for path in root.glob(folder)}
        installed = {
            path for folder in ("site-packages", "python3*") for path in root.glob(f"**/{folder}/*")
        }

    assert ours == {".venv", "app", "migrations", "pyproject.toml"}
    assert programs
    assert installed
    tools = {path for path in programs | installed if TOOLS.fullmatch(path.name)}
    assert {str(path.relative_to(root)) for path in tools} == set()


def test_all_code_of_the_image_is_compiled(engine: Engine, image: str) -> None:
    with mounted(engine, image) as root:
        folders = (root / "srv" / folder for folder in (".venv/lib", "app", "migrations"))
        sources = [source for folder in folders for source in folder.rglob("*.py")]
        missing = [
            str(source.relative_to(root))
            for source in sources
            if not list((source.parent / "__pycache__").glob(f"{source.stem}.*.pyc"))
        ]

    assert sources
    assert missing == []


def test_our_own_layers_are_small(engine: Engine, image: str) -> None:
    sizes = [layer["size"] for layer in json.loads(engine("history", "--format=json", image))]

    own = sum(sizes) - max(sizes)  # the largest is the base image
    assert 10_000_000 < own <= OWN_BYTES


def test_a_change_of_the_code_reuses_the_layer_of_the_dependencies(
    engine: Engine, image: str, locked: Path, tmp_path: Path
) -> None:
    changed = Path(shutil.copytree(locked, tmp_path / "my-service"))
    with (changed / "app" / "api.py").open("a") as file:
        file.write("# changed\n")

    steps = engine.build(changed, "changed").split("STEP ")

    used = {
        step.split(":")[1].split("\n")[0].strip(): "Using cache" in step
        for step in steps
        if ": " in step
    }
    [sync] = [used[step] for step in used if "uv" in step and "sync" in step]
    [environment] = [used[step] for step in used if step.startswith("COPY --from=build /srv/.venv")]
    [app] = [used[step] for step in used if step.startswith("COPY app")]
    assert (sync, environment, app) == (True, True, False)


def test_two_builds_of_one_commit_are_the_same_image(engine: Engine, locked: Path) -> None:
    for name in ("first", "second"):
        for file in locked.rglob("*"):  # a clone has other times
            file.touch()
        engine.build(locked, name, "--no-cache", "--timestamp=1700000000")

    first, second = (engine.inspect(name) for name in ("first", "second"))

    assert first["RootFS"] == second["RootFS"]


def test_another_base_is_one_answer_and_needs_no_shell(
    engine: Engine, locked: Path, render: Callable[..., Path], tmp_path: Path
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "Dockerfile").write_text("FROM python:3.11-slim\nRUN rm /bin/sh\n")
    engine.build(base, "company.example/python:3.11")
    service = tmp_path / "my-service"
    shutil.copytree(render(python_image="company.example/python:3.11"), service)
    shutil.copy(locked / "uv.lock", service)

    engine.build(service, "distroless")

    assert engine.try_to("run", "--rm", "distroless", "sh").returncode == 127
    told = engine("run", "--rm", "distroless", "python", "-c", "import uvicorn; print('whole')")
    assert told == "whole"

"""A service, its image and a database, each in a container of its own."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.commands import UV, run
from tests.support.containers import Engine, add_base_images


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

"""What an attack leaves behind if it works, and repositories that attack."""

import shutil
from pathlib import Path

from tests.support import services


def touching(file: Path) -> str:
    """A command of the shell by which an attack shows that it ran."""
    return f"touch '{file}'"


def executable(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def with_an_embedded_repository(folder: Path, lamps: Path, settings: str) -> Path:
    """A repository of services; in one of them git's own files are tracked, so that a clone of it
    has a bare repository in the service's folder. Returns the service."""
    service = folder / "svc"
    shutil.copytree(lamps, service)
    inner = service / ".git"
    for name in ("HEAD", "objects", "refs"):
        shutil.move(inner / name, service / name)
    (service / "config").write_text(
        f"[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n{settings}"
    )
    (service / "refs/tags").mkdir(exist_ok=True)
    (service / "refs/tags/.keep").touch()
    shutil.rmtree(inner)
    services.commit(folder, "Start")
    return service

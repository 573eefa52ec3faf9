"""Temporary clones: work in them leaves the service untouched."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from fleet import git
from fleet.errors import FleetError
from fleet.service import Service


@contextmanager
def clone(service: Service) -> Iterator[Service]:
    """A clone of the service at HEAD. It shares git's objects: a long history costs nothing."""
    identity = [
        f"--config={key}={value}"
        for key in ("user.name", "user.email")
        if (value := git.run(service.folder, "config", key).stdout.strip())
    ]
    with TemporaryDirectory(prefix="service-") as folder:
        command = ("clone", "--quiet", "--shared", "--no-tags", *identity)
        git.output(Path(folder), *command, git.root(service.folder), "clone")
        cloned = Path(folder, "clone", service.prefix)
        try:
            yield Service.read(cloned)
        except FleetError as error:
            # The clone's path would tell a reader nothing.
            raise FleetError(str(error).replace(str(cloned), str(service.folder))) from error


def fetch(service: Service, clone: Service, branch: str) -> None:
    """Fetch the finished branch into the service, whole or not at all."""
    quietly = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
    both = f"refs/heads/{branch}:refs/heads/{branch}"
    git.output(service.folder, "fetch", *quietly, git.root(clone.folder), both)

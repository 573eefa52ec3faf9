"""Brings a service to a template that it was not made from."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fleet.drift import diff
from fleet.errors import FleetError
from fleet.ownership import Owner
from fleet.service import ANSWERS_FILE, Service, require_clean, require_repository
from fleet.template import Template, files


@dataclass(frozen=True)
class Adoption:
    """What a service lacks of a version of the template, and has already. Paths are sorted."""

    version: str
    render: Path
    missing: list[str]
    differing: dict[str, str]
    """A diff for each file, from the template's to the service's."""
    same: list[str]


@contextmanager
def compare(
    folder: Path, template: Template, version: str, answers: Mapping[str, Any]
) -> Iterator[Adoption]:
    """The service against a render without seeds, which lives as long as the block."""
    with TemporaryDirectory(prefix="render-") as scratch:
        # Named as the service: answers may be made from the folder's name.
        render = Path(scratch, folder.resolve().name)
        template.render(version, answers, render)
        ownership = template.ownership(version)
        paths = [path for path in files(render) if ownership.owner(path) is not Owner.SEED]
        there = [path for path in paths if _is_there(folder, path)]
        diffs = {
            path: diff(render, folder, path) for path in there if not _same(render, folder, path)
        }
        yield Adoption(
            template.describe(version),
            render,
            missing=[path for path in paths if path not in there],
            differing=diffs,
            same=[path for path in there if path not in diffs],
        )


def write(folder: Path, adoption: Adoption) -> None:
    """Adds the missing files, the answers file among them. No file that is there changes."""
    require_clean(folder)
    for path in adoption.missing:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(adoption.render / path, folder / path)


def require_adoptable(folder: Path) -> None:
    """Raises FleetError for what is in no repository, or was made from a template."""
    require_repository(folder)
    if (folder / ANSWERS_FILE).exists():
        service = Service.read(folder)
        raise FleetError(
            f"{folder} follows the template {service.address} already, at {service.version}: "
            "`fleet service update` brings it forward."
        )


def _is_there(folder: Path, path: str) -> bool:
    """Whether something has the path, or is in its way: a file or a link where a folder belongs."""
    parents = [folder / it for it in Path(path).parents if it != Path()]
    return os.path.lexists(folder / path) or any(
        it.is_symlink() or (it.exists() and not it.is_dir()) for it in parents
    )


def _same(render: Path, folder: Path, path: str) -> bool:
    actual = folder / path
    return actual.is_file() and actual.read_bytes() == (render / path).read_bytes()

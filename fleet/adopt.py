"""Adopts a service that was not made from the template."""

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
    """A service compared with a version of the template. Paths are sorted."""

    version: str
    render: Path
    missing: list[str]
    differing: dict[str, str]
    """One diff per file, from the template's to the service's."""
    same: list[str]


@contextmanager
def compare(
    folder: Path, template: Template, version: str, answers: Mapping[str, Any]
) -> Iterator[Adoption]:
    """Compare the service with a render without seeds, which exists until the block ends."""
    with TemporaryDirectory(prefix="render-") as scratch:
        # Named like the service: a default answer may come from the folder's name.
        render = Path(scratch, folder.resolve().name)
        template.render(version, answers, render)
        ownership = template.ownership(version)
        paths = [path for path in files(render) if ownership.owner(path) is not Owner.SEED]
        taken = [path for path in paths if _is_taken(folder, path)]
        diffs = {
            path: diff(render, folder, path) for path in taken if not _same(render, folder, path)
        }
        yield Adoption(
            template.describe(version),
            render,
            missing=[path for path in paths if path not in taken],
            differing=diffs,
            same=[path for path in taken if path not in diffs],
        )


def write(folder: Path, adoption: Adoption) -> None:
    """Add the missing files, including the answers file. Existing files do not change."""
    require_clean(folder)
    for path in adoption.missing:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(adoption.render / path, folder / path)


def require_adoptable(folder: Path) -> None:
    """Raises FleetError if the folder is not in a repository, or was made from a template."""
    require_repository(folder)
    if (folder / ANSWERS_FILE).exists():
        service = Service.read(folder)
        raise FleetError(
            f"{folder} already follows the template {service.address} at {service.version}: "
            "update it with `fleet service update`."
        )


def _is_taken(folder: Path, path: str) -> bool:
    """Whether something is at the path or blocks it: a file or a link where a folder belongs."""
    parents = [folder / parent for parent in Path(path).parents if parent != Path()]
    return os.path.lexists(folder / path) or any(
        parent.is_symlink() or (parent.exists() and not parent.is_dir()) for parent in parents
    )


def _same(render: Path, folder: Path, path: str) -> bool:
    actual = folder / path
    return actual.is_file() and actual.read_bytes() == (render / path).read_bytes()

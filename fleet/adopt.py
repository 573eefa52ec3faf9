"""Adopts a service that was not made from the template."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet.drift import text_diff
from fleet.errors import FleetError
from fleet.ownership import Owner
from fleet.repository import LINK, Content, require_repository
from fleet.service import ANSWERS_FILE, open_service, require_clean, require_folder
from fleet.template import Template


@dataclass(frozen=True)
class Adoption:
    """A service compared with a version of the template. Paths are sorted."""

    version: str
    missing: dict[str, Content]
    """The files that the service lacks."""
    differing: dict[str, str]
    """One diff per file, from the template's to the service's."""
    same: list[str]


def compare(folder: Path, template: Template, version: str, answers: Mapping[str, Any]) -> Adoption:
    """Compare the service with a render without seeds."""
    # Named like the service: a default answer may come from the folder's name.
    files = template.render(version, answers, folder.resolve().name)
    ownership = template.ownership(version)
    kept = {p: file for p, file in files.items() if ownership.owner(p) is not Owner.SEED}
    contents = template.content(kept)
    render = {path: Content(kept[path].mode, contents[path]) for path in sorted(kept)}
    taken = {path: _read(folder, path) for path in render if _is_taken(folder, path)}
    same = [path for path, actual in taken.items() if actual == render[path].text]
    return Adoption(
        template.describe(version),
        missing={path: content for path, content in render.items() if path not in taken},
        differing={
            path: text_diff(render[path].text, actual, path)
            for path, actual in taken.items()
            if path not in same
        },
        same=same,
    )


def write(folder: Path, adoption: Adoption) -> None:
    """Add the missing files, including the answers file. Existing files do not change."""
    require_clean(folder)
    for path, content in adoption.missing.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if content.mode == LINK:
            file.symlink_to(os.fsdecode(content.text))
            continue
        file.write_bytes(content.text)
        file.chmod(0o755 if content.mode == "100755" else 0o644)


def require_adoptable(folder: Path) -> None:
    """Raises FleetError if the folder is not in a repository, or was made from a template."""
    require_folder(folder)
    require_repository(folder)
    if os.path.lexists(folder / ANSWERS_FILE):
        with open_service(folder) as service:
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


def _read(folder: Path, path: str) -> bytes:
    """The bytes of a file; nothing where there is a link or anything else."""
    file = folder / path
    is_plain = not file.is_symlink() and file.is_file()
    return file.read_bytes() if is_plain else b""

"""What must stay as it is in the services of a folder."""

from pathlib import Path

from tests.support import services

ADDED = {"refs", "logs", "objects"}
"""What a branch adds to, in .git."""


def state(folder: Path) -> dict[str, bytes]:
    """Working trees, indexes, HEADs, configuration: all files but for branches and objects."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not (".git" in file.parts and ADDED & set(file.parts))
    }


def refs(folder: Path) -> list[str]:
    """All branches and tags of each service, and the commits they name."""
    return [services.git(it.parent, "show-ref") for it in sorted(folder.glob("*/.git"))]

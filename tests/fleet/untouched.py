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


def refs(folder: Path) -> dict[str, dict[str, str]]:
    """For each service the commits that its branches and tags name."""
    return {
        service.name: {
            ref: commit
            for commit, ref in map(str.split, services.git(service, "show-ref").splitlines())
        }
        for service in sorted(git.parent for git in folder.glob("*/.git"))
    }

"""Folders that the workers of one run share: the first that needs one makes it, the others wait."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shared:
    root: Path

    def folder(self, name: str, make: Callable[[Path], object]) -> Path:
        """A folder that `make` has filled. Everybody reads it: never write into it."""
        place, made = self.root / name, self.root / f"{name}.made"
        place.parent.mkdir(parents=True, exist_ok=True)
        with (self.root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                shutil.rmtree(place, ignore_errors=True)  # half made, by one that failed
                place.mkdir()
                make(place)
                made.touch()
        return place

    def render(
        self, what: str, answers: Mapping[str, object], make: Callable[[Path], object]
    ) -> Path:
        """The folder `my-service` that `make` renders, for each `what` and answers once."""
        key = hashlib.sha256(json.dumps([what, answers], sort_keys=True).encode()).hexdigest()
        return self.folder(f"rendered-{key[:16]}", lambda place: make(place / "my-service")) / (
            "my-service"
        )


def shared_by_workers(temporary: Path) -> Shared:
    """Beside the temporary folders of the workers, where there are any."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ
    return Shared((temporary.parent if parallel else temporary) / "shared")

"""One folder for all that a run leaves behind, removed when it ends; the next run removes those of
runs that were killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing.util import Finalize, get_temp_dir
from pathlib import Path
from typing import TextIO

PREFIX = "fleet-run-"
LOCK = "lock"
LONGEST, SHORT = 60, Path("/tmp")
"""multiprocessing has a socket there, whose path may have 107 bytes."""


@contextmanager
def run_folder() -> Iterator[Path]:
    """A folder until the block ends, in that of the process."""
    folder = Path(tempfile.mkdtemp(dir=of_process()))
    try:
        yield folder
    finally:
        remove(folder)


@cache
def of_process() -> Path:
    """Where all temporary files of this process and of those that it starts lie from now on."""
    folder = _claim(Path(tempfile.gettempdir()))
    is_long = len(str(folder)) > LONGEST
    tempfile.tempdir = str(_claim(SHORT) if is_long else folder)
    get_temp_dir()  # multiprocessing keeps to it
    tempfile.tempdir = str(folder)
    return folder


def _claim(place: Path) -> Path:
    _remove_dead(place)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    lock = (folder / LOCK).open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    # After multiprocessing has removed its own folder in it, which has the priority -100.
    Finalize(None, _end, args=(folder, lock), exitpriority=-200)
    return folder


def _end(folder: Path, lock: TextIO) -> None:
    remove(folder)
    lock.close()


def remove(folder: Path) -> None:
    """Also where a program of a service left folders that may not be written."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for parent, _, _ in os.walk(folder):
            with suppress(OSError):
                Path(parent).chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)


def _remove_dead(place: Path) -> None:
    """Those of our own whose lock nobody holds: the system frees it, however a run ends."""
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with (folder / LOCK).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(folder)

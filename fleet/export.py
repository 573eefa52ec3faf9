"""What runs on a service's files runs in a throw-away folder that no repository knows."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from fleet import git
from fleet.output import printable
from fleet.repository import LINK, Content, Entry, Repository
from fleet.update import Update

LOCK, PROJECT = "uv.lock", "pyproject.toml"
READ_BY_UV = {PROJECT, LOCK, "uv.toml"}
LOCKING_SECONDS = 300
UNLIMITED = 'ulimit -S -d "$(ulimit -H -d)"; exec sh -c "$1"'
"""A person asks for the checks, so our limit of memory does not hold for them."""


def lock(repository: Repository, update: Update) -> tuple[Update, bool]:
    """The update with uv.lock made again where pyproject.toml changed, and whether both match.

    uv builds nothing and downloads no Python: a service whose metadata only its code knows is left
    to people.
    """
    files = update.files
    if LOCK not in files or files.get(PROJECT) == repository.files.get(PROJECT):
        return update, True
    if PROJECT in update.conflicts or LOCK in update.conflicts:
        return update, False
    whole = {**repository.all_files, **repository.placed(files)}
    wanted = {
        path: what
        for path, what in whole.items()
        if what and Path(path).name in READ_BY_UV and what.mode.startswith("100")
    }
    if f"{repository.prefix}{LOCK}" not in wanted:
        return update, False
    with exported(repository, wanted) as folder:
        place = folder / repository.prefix
        command = [_uv(), "lock", "--quiet", "--no-build", "--no-python-downloads"]
        command += ["--cache-dir", _cache_of_uv()]
        try:
            done = subprocess.run(
                command,
                cwd=place,
                env=git.variables(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=LOCKING_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return update, False
        file = place / LOCK
        if done.returncode or file.is_symlink() or not file.is_file():
            return update, False
        locked = Content(files[LOCK].mode, file.read_bytes())
    return replace(update, files={**files, LOCK: locked}), True


def run_check(repository: Repository, update: Update, command: str) -> str:
    """How the checks failed, with their last line; empty if they passed."""
    whole = {**repository.all_files, **repository.placed(update.files)}
    for path in repository.files.keys() - update.files.keys():
        whole.pop(f"{repository.prefix}{path}", None)
    with exported(repository, whole) as folder:
        result = subprocess.run(
            ["sh", "-c", UNLIMITED, "sh", command],
            cwd=folder / repository.prefix,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    said = (result.stdout.strip().splitlines() or ["nothing"])[-1].strip()[:200]
    return printable(
        f"`{command}` exited with {result.returncode}: {said}" if result.returncode else ""
    )


@contextmanager
def exported(repository: Repository, files: Mapping[str, Entry | Content | None]) -> Iterator[Path]:
    """A folder with these files, until the block ends."""
    texts = repository.blobs(
        what.blob
        for what in files.values()
        if isinstance(what, Entry) and (what.is_file or what.mode == LINK)
    )
    with TemporaryDirectory(prefix="export-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        links = {}
        for path, what in files.items():
            if what is None or (isinstance(what, Entry) and what.blob not in texts):
                continue
            text = what.text if isinstance(what, Content) else texts[what.blob]
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if what.mode == LINK:
                links[file] = os.fsdecode(text)
                continue
            file.write_bytes(text)
            file.chmod(0o755 if what.mode == "100755" else 0o644)
        for file, target in links.items():  # last, so that nothing is written through one
            file.symlink_to(target)
        yield folder


def _uv() -> str:
    return os.environ.get("UV", "uv")  # uv sets this for the commands that it runs


@cache
def _cache_of_uv() -> str:
    """Where uv keeps what it downloads: a service's settings could name another place."""
    command = [_uv(), "cache", "dir", "--no-config"]
    found = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    return found.stdout.strip() or str(Path.home() / ".cache/uv")

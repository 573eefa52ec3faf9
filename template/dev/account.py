"""Chooses the account to run Postgres under, which refuses to run as root.

Root runs it in a user namespace: Postgres sees itself as nobody, and its files stay root's. Where
namespaces are forbidden (in most containers), it runs as an existing account. That one may be
unable to enter the project, so data and programs are kept in /var/lib. No account is created, and
no existing file changes its owner or mode.
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

OURSELVES = ""
NAMESPACE = "user namespace"  # with a space, which no account's name has
ENTER_NAMESPACE = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")


def choose(programs: Path, *folders: Path) -> str:
    """OURSELVES, or NAMESPACE if that can use the programs and folders, or an account's name.

    Exits with a sentence when root cannot become another account.
    """
    if os.geteuid() != 0:
        return OURSELVES
    if all(can(NAMESPACE, path) for path in (programs / "postgres", *folders)):
        return NAMESPACE
    for name in ("postgres", "nobody"):
        if can(name, Path("/")):
            return name
    sys.exit(
        "Postgres refuses to run as root, and this root can't become another account. Use another "
        "account, or set POSTGRES_URL (for tests TEST_POSTGRES_URL) to a running server."
    )


def as_account(account: str, *command: str | Path) -> dict[str, Any]:
    """Arguments for subprocess: as that account, without the user's PG* and locale variables."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))}
    arguments: dict[str, Any] = {
        "args": command,
        "cwd": "/",
        "env": env | {"LC_ALL": "C", "TZ": "UTC"},
    }
    if account == NAMESPACE:
        arguments["args"] = (*ENTER_NAMESPACE, *command)
    elif account != OURSELVES:
        group = pwd.getpwnam(account).pw_gid
        arguments |= {"user": account, "group": group, "extra_groups": []}
    return arguments


def can(account: str, path: Path) -> bool:
    """Whether the account can run this program or enter this folder."""
    with contextlib.suppress(KeyError, OSError, subprocess.SubprocessError):
        command = as_account(account, "test", "-x", path)
        return subprocess.run(**command, check=False, capture_output=True).returncode == 0
    return False


def give(folder: Path, account: str) -> None:
    """Change the owner of a folder that this module created; never call it for another one."""
    if account not in (OURSELVES, NAMESPACE):
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, account, pwd.getpwnam(account).pw_gid)


def data_folder(home: Path, account: str) -> Path:
    """`home/data`; for an account that may be unable to enter it, a link to another folder."""
    if account in (OURSELVES, NAMESPACE):
        return home / "data"
    link, place = home / f"data-{account}", _kept_for(str(home))
    if not link.is_symlink():
        place.mkdir(exist_ok=True)
        give(place, account)
        link.symlink_to(place / "data")
    return link


def reachable(programs: Path, account: str) -> Path:
    """The programs, or a copy for an account that cannot enter their folder (/root/...)."""
    if can(account, programs / "postgres"):
        return programs
    site, changed = programs.parents[2], (programs / "postgres").stat().st_mtime
    place = _kept_for(f"{programs} {changed}")
    if not place.exists():
        with tempfile.TemporaryDirectory(dir=place.parent, ignore_cleanup_errors=True) as new:
            # The libraries of a wheel lie beside its package.
            for part in (programs.parent, Path(f"{programs.parents[1]}.libs")):
                if part.is_dir():
                    shutil.copytree(part, Path(new, part.relative_to(site)), symlinks=True)
            give(Path(new), account)
            with contextlib.suppress(OSError):  # another process was faster
                Path(new).rename(place)
    return place / programs.relative_to(site)


def _kept_for(what: str) -> Path:
    return Path(f"/var/lib/dev-postgres-{hashlib.sha256(what.encode()).hexdigest()[:12]}")

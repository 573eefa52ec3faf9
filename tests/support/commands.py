"""One way to run a command: nothing is typed, and what is printed is read."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

TOOLS = Path(sysconfig.get_path("scripts"))
"""Of this repository's environment."""
UV = Path(os.environ.get("UV") or shutil.which("uv") or "uv")


def run(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command outside this repository's environment; the exit code is not checked."""
    kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return subprocess.run(
        command,
        cwd=cwd,
        env=kept | variables,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def said(*command: str | Path, cwd: Path, **variables: str) -> tuple[int, str]:
    """The exit code and everything printed, as a terminal shows it."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | variables,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout.strip()

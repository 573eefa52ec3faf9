"""Serves for development: Postgres unless one is configured, migrations, uvicorn with reload."""

import argparse
import contextlib
import errno
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dev.postgres import PostgresUnavailable
from dev.run import database, run

HOST = "127.0.0.1"
RELOAD = ("--reload", "--reload-dir", "app", "--reload-dir", "migrations")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.serve")
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args(arguments).port
    try:
        if _is_taken(port):
            return _complain(
                f"Port {port} is taken by {_listener(port)}. Stop that process, or choose another "
                f"port: PORT={port + 1000} make dev"
            )
        with database():
            return _migrate_and_serve(port)
    except PostgresUnavailable as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return 0


def _complain(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


def _migrate_and_serve(port: int) -> int:
    """0 after Ctrl-C, which is how one leaves: make calls everything else an error."""
    code = run([sys.executable, "-m", "alembic", "upgrade", "head"])
    if code == 0:
        print(f"Docs: http://{HOST}:{port}/docs", flush=True)
        server = ("uvicorn", "app.main:app", "--host", HOST, "--port", str(port), *RELOAD)
        code = run([sys.executable, "-m", *server])
    return 0 if code == 128 + 2 else code


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # uvicorn does so too
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def _listener(port: int) -> str:
    """Who listens on the port, as far as this account may know."""
    for find in (_listener_from_proc, _listener_from_lsof):
        with contextlib.suppress(OSError):
            if found := find(port):
                return found
    return "a process that can't be told from here"


def _listener_from_proc(port: int) -> str | None:
    sockets = set()
    for table in filter(Path.exists, (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))):
        for row in map(str.split, table.read_text().splitlines()[1:]):
            if row[1].endswith(f":{port:04X}") and row[3] == "0A":  # LISTEN
                sockets.add(f"socket:[{row[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # another account's, or one that has just ended
            if any(str(link.readlink()) in sockets for link in (process / "fd").iterdir()):
                command = (process / "cmdline").read_text().replace("\0", " ").strip()
                return f"process {process.name} ({command})"
    return None


def _listener_from_lsof(port: int) -> str | None:
    lsof = ("lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fp")
    answer = subprocess.run(lsof, capture_output=True, text=True, check=False).stdout
    if found := re.search(r"^p(\d+)", answer, re.MULTILINE):
        ps = ("ps", "-o", "args=", "-p", found[1])
        command = subprocess.run(ps, capture_output=True, text=True, check=False).stdout
        return f"process {found[1]} ({command.strip()})"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

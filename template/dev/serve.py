"""Serves for development: Postgres unless one is configured, migrations, uvicorn with reload, and
what runs beside it."""

import argparse
import errno
import os
import socket
import sys
from collections.abc import Sequence

from dev import beside
from dev.binaries import PostgresUnavailable
from dev.run import database, run

HOST = "127.0.0.1"
MAKE = os.environ.get("MAKE_COMMAND", "make dev")  # `make demo` of the template runs `make dev`
RELOAD = ("--reload", "--reload-dir", "app", "--reload-dir", "migrations")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.serve")
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args(arguments).port
    try:
        if _is_taken(port):
            return _complain(f"Port {port} is taken. Try PORT={port + 1} {MAKE}")
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
    """Returns 0 after Ctrl-C, the usual way to stop: make reports any other code as an error."""
    code = run([sys.executable, "-m", "alembic", "upgrade", "head"])
    if code == 0:
        print(f"Docs: http://{HOST}:{port}/docs", flush=True)
        server = ("uvicorn", "app.main:app", "--host", HOST, "--port", str(port), *RELOAD)
        with beside.running(port):
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

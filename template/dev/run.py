"""Runs a command with a database: `python -m dev.run alembic upgrade head`.

If POSTGRES_URL or DATABASE_URL is set, in the environment or in `.env`, that database is used and
no server is started.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from dotenv import dotenv_values

from dev import postgres
from dev.binaries import PostgresUnavailable, find_binaries

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("POSTGRES_URL", "DATABASE_URL")
SECONDS_BETWEEN_SIGNALS = 0.5
USAGE = "Usage: python -m dev.run COMMAND [ARGUMENT ...], or python -m dev.run --reset"


def configured_url() -> str | None:
    """The URL that `Settings` would read: from the environment, then from the ENV_FILE."""
    file = ROOT / Path(os.environ.get("ENV_FILE", ".env")).expanduser()
    for variables in (os.environ, dotenv_values(file)):
        upper = {name.upper(): value for name, value in variables.items() if value}
        if url := next(filter(None, map(upper.get, NAMES)), None):
            return url
    return None


@contextlib.contextmanager
def database() -> Iterator[str]:
    """Set POSTGRES_URL, for every child, to the development server unless one is configured."""
    if url := configured_url():
        yield url
        return
    with postgres.development_server(ROOT) as url:
        os.environ["POSTGRES_URL"] = url
        for link in (ROOT / ".postgres").glob("data-*"):
            print(f"The data of this service is in {link.resolve()}.", file=sys.stderr)
        try:
            yield url
        finally:
            del os.environ["POSTGRES_URL"]


def run(command: Sequence[str | Path]) -> int:
    """The command's exit code, as a shell reports it. Waits for its end, whatever the signal."""
    child: subprocess.Popen[bytes] | None = None

    def forward(signal_number: int, _: FrameType | None) -> None:
        if child and signal_number == signal.SIGTERM:
            child.send_signal(signal_number)
        elif child and not _terminal_signals_children():
            # Not at once: whoever signals the process group has signalled the child too, and two
            # signals within a millisecond can stop uvicorn's reloader for ever.
            later = threading.Timer(SECONDS_BETWEEN_SIGNALS, child.send_signal, [signal_number])
            later.daemon = True
            later.start()

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        child = subprocess.Popen(command)
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def main(arguments: Sequence[str]) -> int:
    # `.venv/bin/python -m dev.run alembic` finds alembic without an activated environment.
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    try:
        if arguments == ["--reset"]:
            postgres.delete_development_data(ROOT)
            return 0
        if not arguments or arguments[0].startswith("-"):
            print(USAGE, file=sys.stderr)
            return 2
        with database() as url:
            return run(_psql(url, arguments[1:]) if arguments[0] == "psql" else arguments)
    except PostgresUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    except FileNotFoundError as error:
        print(f"There is no program {error.filename!r} on PATH.", file=sys.stderr)
        return 127
    except KeyboardInterrupt:
        return 130


def _psql(url: str, arguments: Sequence[str]) -> list[str | Path]:
    """The psql of the server that was found, otherwise the one on PATH."""
    with contextlib.suppress(PostgresUnavailable):
        if (program := find_binaries() / "psql").exists():
            return [program, url, *arguments]
    return ["psql", url, *arguments]


def _terminal_signals_children() -> bool:
    """Whether Ctrl-C reaches the whole process group, not only this process."""
    with contextlib.suppress(OSError), Path("/dev/tty").open() as terminal:
        return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

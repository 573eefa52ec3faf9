"""Runs a worker beside the server in development, and starts it anew when the code changes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

WORKER = f"{sys.executable} -m app.worker"
RELOADED = (sys.executable, "-m", "watchfiles", "--filter", "python", WORKER, "app")
SECONDS_TO_STOP = 10


@contextmanager
def running(_port: int) -> Iterator[None]:
    """While the server runs."""
    worker = subprocess.Popen(RELOADED)
    try:
        yield
    finally:
        worker.terminate()
        try:
            worker.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()

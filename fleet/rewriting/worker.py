"""Rewrites files in a separate process: files come from strangers, and a file that is nested
thousands of levels deep crashes the parser. The process lives on, for the files of other services.
"""

import atexit
import base64
import json
import os
import resource
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import IO, Any

from fleet.rewriting.findings import Left, Rewritten
from fleet.rewriting.moves import Moves
from fleet.rewriting.resolution import Names

# -P: the working directory is a service, whose modules must never be imported.
COMMAND = (sys.executable, "-P", "-m", "fleet.rewriting.worker")
SECONDS = 120
MEMORY = 2 << 30
TOO_DEEP = "the file is too large or too deeply nested to be read"


def rewrite_all(
    releases: Sequence[Moves], contents: Mapping[str, bytes]
) -> Iterator[tuple[str, Rewritten]]:
    """Each file's path and result. A file that crashes the process or times out is left."""
    told = tuple(moves.model_dump_json() for moves in releases)
    for path, content in contents.items():
        try:
            yield path, _rewritten(told, path, content)
        except _FailedError as failed:
            yield path, Rewritten(content, {}, [Left(1, str(failed))])


class _FailedError(Exception):
    """Why a file could not be rewritten."""


@lru_cache(maxsize=4096)
def _rewritten(releases: tuple[str, ...], path: str, content: bytes) -> Rewritten:
    """Many services have the same files, such as those of the example."""
    return _rewriter().rewrite(releases, path, content)


class Rewriter:
    """The process, started when there is a file, and again after one that crashed it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._known: tuple[str, ...] = ()
        atexit.register(self.close)

    def rewrite(self, releases: tuple[str, ...], path: str, content: bytes) -> Rewritten:
        if self._known != releases:
            self._send({"releases": releases})
            self._known = releases
        self._send({"path": path, "content": base64.b64encode(content).decode()})
        if not (line := self._answer()):
            raise _FailedError(self.close())
        said = json.loads(line)
        if "error" in said:
            raise _FailedError(f"the file cannot be rewritten: {said['error']}")
        left = [Left(number, reason) for number, reason in said["left"]]
        return Rewritten(base64.b64decode(said["content"]), said["changes"], left)

    def close(self) -> str:
        """Ends the process. Returns why there was no answer."""
        self._known = ()
        if not self._process:
            return TOO_DEEP
        if self._process.poll() is None:
            self._process.kill()
        _, errors = self._process.communicate()
        code, self._process = self._process.returncode, None
        if code <= 0:  # below zero a signal ended it
            return TOO_DEEP
        last = errors.decode(errors="replace").strip().rpartition("\n")[2]
        return f"the file cannot be rewritten: {last}"

    def _send(self, message: Mapping[str, Any]) -> None:
        if not self._process:
            self._process = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        try:
            _pipe(self._process.stdin).write(f"{json.dumps(message)}\n".encode())
            _pipe(self._process.stdin).flush()
        except BrokenPipeError:
            pass  # it crashed: there will be no answer

    def _answer(self) -> bytes:
        """One line; nothing if the process crashed or took too long."""
        if not self._process:
            return b""
        said, limit = b"", time.monotonic() + SECONDS
        output = _pipe(self._process.stdout)
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while not said.endswith(b"\n"):
                if not selector.select(max(0.0, limit - time.monotonic())):
                    return b""
                if not (part := os.read(output.fileno(), 1 << 20)):
                    return b""
                said += part
        return said


@cache
def _rewriter() -> Rewriter:
    return Rewriter()


def forget() -> None:
    """End the process and forget what it did."""
    _rewriter().close()
    _rewritten.cache_clear()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe
    return pipe


def _work() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, hard))
    releases: list[Moves] = []
    for line in sys.stdin:
        message = json.loads(line)
        if "releases" in message:
            releases = [Moves.model_validate_json(text) for text in message["releases"]]
            continue
        sys.stdout.write(f"{json.dumps(_done(releases, message))}\n")
        sys.stdout.flush()


def _done(releases: Sequence[Moves], message: Mapping[str, Any]) -> dict[str, Any]:
    from fleet.rewriting.engine import rewrite  # noqa: PLC0415 (it takes a second to load)

    path = message["path"]
    try:
        done = rewrite(base64.b64decode(message["content"]), path, Names(releases, path))
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    left = [[each.line, each.reason] for each in done.left]
    content = base64.b64encode(done.content).decode()
    return {"content": content, "changes": done.changes, "left": left}


if __name__ == "__main__":
    _work()

"""Rewrites files in a separate process: files come from strangers, and a file that is nested
thousands of levels deep crashes the parser."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

from fleet.rewriting.engine import Rewritten, rewrite
from fleet.rewriting.findings import Left
from fleet.rewriting.moves import Moves
from fleet.rewriting.resolution import Names

# -P: the working directory is a service, whose modules must never be imported.
COMMAND = (sys.executable, "-P", "-m", "fleet.rewriting.worker")
SECONDS = 120


def rewrite_all(
    releases: Sequence[Moves], contents: Mapping[str, bytes]
) -> Iterator[tuple[str, Rewritten]]:
    """Each file's path and result. A file that crashes the process or times out is left."""
    waiting = dict(contents)
    while waiting:
        for path, rewritten in _done(releases, waiting):
            del waiting[path]
            yield path, rewritten
        if waiting:
            path = next(iter(waiting))
            left = Left(1, "the file is too large or too deeply nested to be read")
            yield path, Rewritten(waiting.pop(path), {}, [left])


def _done(releases: Sequence[Moves], contents: Mapping[str, bytes]) -> list[tuple[str, Rewritten]]:
    """The results of one process, in order, up to the file that crashed it."""
    order = {
        "releases": [moves.model_dump_json() for moves in releases],
        "files": [[path, base64.b64encode(text).decode()] for path, text in contents.items()],
    }
    text = json.dumps(order).encode()
    try:
        said = subprocess.run(
            COMMAND, input=text, capture_output=True, timeout=SECONDS, check=False
        ).stdout
    except subprocess.TimeoutExpired as late:
        said = late.stdout or b""
    return [_parsed(line) for line in said.splitlines(keepends=True) if line.endswith(b"\n")]


def _parsed(line: bytes) -> tuple[str, Rewritten]:
    path, content, changes, left = json.loads(line)
    told = [Left(number, reason) for number, reason in left]
    return path, Rewritten(base64.b64decode(content), changes, told)


def _work() -> None:
    order = json.load(sys.stdin)
    releases = [Moves.model_validate_json(text) for text in order["releases"]]
    for path, content in order["files"]:
        done = rewrite(base64.b64decode(content), path, Names(releases, path))
        left = [[each.line, each.reason] for each in done.left]
        said = [path, base64.b64encode(done.content).decode(), done.changes, left]
        sys.stdout.write(f"{json.dumps(said)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _work()

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
        done, failure = _done(releases, waiting)
        for path, rewritten in done:
            del waiting[path]
            yield path, rewritten
        if waiting:
            path = next(iter(waiting))
            yield path, Rewritten(waiting.pop(path), {}, [Left(1, failure)])


def _done(
    releases: Sequence[Moves], contents: Mapping[str, bytes]
) -> tuple[list[tuple[str, Rewritten]], str]:
    """The results of one process, in order, up to the file that crashed it, and why it did."""
    order = {
        "releases": [moves.model_dump_json() for moves in releases],
        "files": [[path, base64.b64encode(text).decode()] for path, text in contents.items()],
    }
    text = json.dumps(order).encode()
    failure = "the file is too large or too deeply nested to be read"
    try:
        run = subprocess.run(COMMAND, input=text, capture_output=True, timeout=SECONDS, check=False)
        said = run.stdout
        if run.returncode > 0:  # below zero a signal ended it
            error = run.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            failure = f"the file cannot be rewritten: {error}"
    except subprocess.TimeoutExpired as late:
        said = late.stdout or b""
    lines = [line for line in said.splitlines(keepends=True) if line.endswith(b"\n")]
    return [_parsed(line) for line in lines], failure


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

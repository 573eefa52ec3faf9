"""What a client's text costs the log, in milliseconds. Run it with a rendered service's Python:

uv run --project build/demo python -P benchmarks/redaction.py build/demo
"""

import sys
import time

sys.path.insert(0, sys.argv[1])

from app.core.redaction import Redaction  # type: ignore[import-not-found]  # the service's

# Each text makes a pattern begin again and again.
PARTS = ("://a:", "://a@", "?token=", "authorization: ", "cookie='", 'api_key="\\', "a=b&", "\\\\")
SIZE = 1_000_000
ROUNDS = 5


def milliseconds(redaction: Redaction, text: str) -> float:
    """The best of some rounds, which is the least disturbed one."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        redaction.shorten(text)
        times.append(time.perf_counter() - began)
    return min(times) * 1000


for part in PARTS:
    hostile = part * (SIZE // len(part))
    sys.stdout.write(f"| `{part}` | {milliseconds(Redaction(['hunter2']), hostile):.2f} |\n")

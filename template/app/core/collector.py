"""Python's garbage collector, set for a server."""

import gc
from functools import cache

OBJECTS = 50_000


@cache
def settle_garbage_collector() -> None:
    """Look at what requests leave behind, seldom, and never again at what the start has made.

    As it comes, the collector takes a fifth of a read's time: sessions are full of cycles, and it
    walks through all modules to find them. Once per process.
    """
    gc.freeze()  # without `collect()` first: the start would take 0.1 s longer to save a megabyte
    gc.set_threshold(OBJECTS, 20, 50)

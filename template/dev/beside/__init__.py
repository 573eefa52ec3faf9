"""What an answer of the template runs beside the server in development, found by lying here.

A module offers `running(port)`, a context manager that is open while `make dev` serves on that
port. It may set environment variables for the server.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def running(port: int) -> Iterator[None]:
    """Start in the order of the modules' names, end in the reverse one."""
    with ExitStack() as stack:
        for name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
            stack.enter_context(importlib.import_module(f"{__name__}.{name}").running(port))
        yield

"""What an answer of the template adds to the server: one module each, found by lying here.

A module may offer `dependencies`, FastAPI's, for every route, and `lifespan(app)`, an async context
manager that is open while the service runs.
"""

import importlib
import pkgutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import ModuleType

from fastapi import FastAPI
from fastapi.params import Depends


def dependencies() -> list[Depends]:
    return [each for module in _modules() for each in getattr(module, "dependencies", ())]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open in the order of the modules' names, close in the reverse one."""
    async with AsyncExitStack() as stack:
        for module in _modules():
            if hasattr(module, "lifespan"):
                await stack.enter_async_context(module.lifespan(app))
        yield


def _modules() -> list[ModuleType]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}") for name in names]

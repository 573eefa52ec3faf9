"""What an answer of the template adds to the server: one module each, found by lying here.

A module may offer

- `Settings`, its own, a subclass of `EnvironmentSettings`: `app.state.settings_of(Settings)`;
- `dependencies`, FastAPI's, for every route;
- `add_middleware(app)`, called before the service adds its own, which are outside of it;
- `arguments(state)`, more arguments of `FastAPI(...)`; it may keep something in `app.state`;
- `log_processors`, structlog's, for every line of JSON;
- `lifespan(app)`, an async context manager that is open while the service runs.
"""

import importlib
import pkgutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.params import Depends
from structlog.typing import Processor

from app.core.config import EnvironmentSettings, load_settings
from app.server.state import ServiceState


def complete(given: Sequence[EnvironmentSettings]) -> list[EnvironmentSettings]:
    """The settings of all capabilities: those given, and the others from the environment."""
    missing = [kind for kind in settings_classes() if not any(type(e) is kind for e in given)]
    return [*given, *map(load_settings, missing)]


def settings_classes() -> list[type[EnvironmentSettings]]:
    return _offers("Settings")


def dependencies() -> list[Depends]:
    return [each for offered in _offers("dependencies") for each in offered]


def arguments(state: ServiceState) -> dict[str, Any]:
    return {name: each for offer in _offers("arguments") for name, each in offer(state).items()}


def log_processors() -> list[Processor]:
    return [each for offered in _offers("log_processors") for each in offered]


def add_middleware(app: FastAPI) -> None:
    for add in _offers("add_middleware"):
        add(app)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open in the order of the modules' names, close in the reverse one."""
    async with AsyncExitStack() as stack:
        for open_one in _offers("lifespan"):
            await stack.enter_async_context(open_one(app))
        yield


def _offers(name: str) -> list[Any]:
    """What the modules offer by that name, in the order of their own names."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = (importlib.import_module(f"{__name__}.{module}") for module in modules)
    return [getattr(module, name) for module in found if hasattr(module, name)]

"""The jobs of all features, and their arguments as JSON."""

import functools
import importlib
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

import app
from app.core.jobs.limits import LIMITS, Limits

SESSION = "session"


@dataclass(frozen=True)
class Definition:
    """A job that a worker can run."""

    name: str
    function: Callable[..., Awaitable[None]]
    limits: Limits
    parameters: inspect.Signature
    arguments: type[BaseModel]

    @property
    def entrypoint(self) -> str:
        return self.entrypoints[-1]

    @property
    def entrypoints(self) -> list[str]:
        """The name in the queue, with its version: this one, and the older ones it can read."""
        later = [f"{self.name}@{version}" for version in range(2, self.limits.version + 1)]
        return [self.name, *later]

    def dump(self, *args: Any, **kwargs: Any) -> bytes:
        """These arguments as JSON."""
        bound = self.parameters.bind(*args, **kwargs).arguments
        given = self.arguments.model_validate(bound)
        payload = given.model_dump_json(by_alias=True, exclude_unset=True).encode()
        if self.arguments.model_validate_json(payload) != given:  # a SecretStr is ***, for instance
            raise TypeError(f"The arguments of {self.name} do not survive as JSON.")
        return payload

    def load(self, payload: bytes) -> dict[str, Any]:
        """The arguments that `dump` was given. Raises `ValidationError`."""
        given = self.arguments.model_validate_json(payload)
        return {name: getattr(given, f"a_{name}") for name in self.parameters.parameters}


def definition_of(function: Callable[..., Any]) -> Definition:
    """The definition of a job. Raises `ValueError` for a function that no worker finds."""
    function = getattr(function, "func", function)
    for definition in definitions().values():
        if definition.function is function:
            return definition
    raise ValueError(
        f"No worker finds {function.__module__}.{function.__qualname__}:"
        " write it as an async def into app/<feature>/jobs.py, without an underscore."
    )


@functools.cache
def definitions() -> dict[str, Definition]:
    """The jobs of all features, by their names in the queue."""
    files = [file for folder in app.__path__ for file in sorted(Path(folder).glob("*/jobs.py"))]
    modules = [importlib.import_module(f"app.{file.parent.name}.jobs") for file in files]
    functions = [
        function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.iscoroutinefunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    ]
    found = {e: defined for defined in map(define, functions) for e in defined.entrypoints}
    if len({d.name for d in found.values()}) < len(functions):
        raise ValueError("Two jobs of one feature have the same name.")
    return found


def define(function: Callable[..., Awaitable[None]]) -> Definition:
    limits: Limits = function.__dict__.get(LIMITS, Limits())
    name = f"{function.__module__.split('.')[1]}.{limits.name or function.__name__}"
    hints, signature = get_type_hints(function, include_extras=True), inspect.signature(function)
    kept = [parameter for parameter in signature.parameters.values() if parameter.name != SESSION]
    fields: dict[str, Any] = {
        # A prefix, because pydantic reserves some names.
        f"a_{p.name}": (
            hints.get(p.name, Any),
            Field(... if p.default is p.empty else p.default, alias=p.name),
        )
        for p in kept
    }
    arguments = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    return Definition(name, function, limits, signature.replace(parameters=kept), arguments)

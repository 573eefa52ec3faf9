"""What a feature says about its jobs: limits of all of a type by `@job`, options of one."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, NamedTuple, ParamSpec

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.jobs.cron import is_valid

P = ParamSpec("P")
Function = Callable[Concatenate[AsyncSession, P], Awaitable[None]]
LIMITS, OPTIONS = "limits of the job", "options of the job"


class Limits(NamedTuple):
    """What `@job` says. Without it, these."""

    attempts: int = 10
    timeout_seconds: float = 60
    version: int = 1
    name: str | None = None
    cron: str | None = None


class Options(NamedTuple):
    """What `options` says about one job of many."""

    delay_seconds: float = 0
    priority: int = 0
    key: str | None = None


def job(
    *,
    attempts: int = 10,
    timeout_seconds: float = 60,
    version: int = 1,
    name: str | None = None,
    cron: str | None = None,
) -> Callable[[Function[P]], Function[P]]:
    """Limits of a job, for its `async def`; `cron`, in UTC, also enqueues it when it is due.

    After `attempts` that failed the job is held. Workers of an older `version` leave it to newer
    ones. `name` replaces the function's.
    """
    if cron is not None and not is_valid(cron):
        raise ValueError(f"The cron expression {cron!r} is not valid: write five fields.")

    def keep(function: Function[P]) -> Function[P]:
        function.__dict__[LIMITS] = Limits(attempts, timeout_seconds, version, name, cron)
        return function

    return keep


def options(
    function: Function[P], *, delay_seconds: float = 0, priority: int = 0, key: str | None = None
) -> Function[P]:
    """The job, to be enqueued with a delay, before jobs of a lower priority, or once per key."""
    chosen = functools.partial(function)
    chosen.__dict__[OPTIONS] = Options(delay_seconds, priority, key)
    return chosen


def options_of(function: Callable[..., Any]) -> Options:
    found: Options = getattr(function, "__dict__", {}).get(OPTIONS, Options())
    return found

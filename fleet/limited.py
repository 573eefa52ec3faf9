"""Limits of time and memory, and sentences for all that can go wrong with what strangers wrote."""

import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fleet.errors import FleetError

MEMORY = 2 << 30
SECONDS = 600


@dataclass(frozen=True)
class Fence:
    """Limits for the work on one thing that a person named, in this process. The time counts from
    the beginning, through all that is done inside."""

    what: Path
    seconds: float = SECONDS
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Raises FleetError for whatever fails in the block, or when the time is over."""
        usual = signal.signal(signal.SIGALRM, _ring)
        limits = limit_memory()
        left = self.began + self.seconds - time.monotonic()
        try:
            with sentences(self.what):
                try:
                    signal.setitimer(signal.ITIMER_REAL, max(left, 1e-6))
                    yield
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
        except _TooLongError:
            raise too_long(self.what, self.seconds) from None
        finally:
            signal.signal(signal.SIGALRM, usual)
            resource.setrlimit(resource.RLIMIT_DATA, limits)


class _TooLongError(BaseException):
    """Not an Exception: nobody on the way takes it for a failure of the work."""


def _ring(*_: object) -> None:
    raise _TooLongError


def too_long(what: Path, seconds: float) -> FleetError:
    sentence = f"The work on {what} took more than {seconds:g} s: --timeout allows more."
    return FleetError(sentence)


def limit_memory() -> tuple[int, int]:
    """Limit what this process may allocate. Returns the limits before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    lower = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([MEMORY, *lower]), hard))
    return soft, hard


@contextmanager
def sentences(what: Path) -> Iterator[None]:
    """Raises FleetError, with a sentence, for each exception of the block."""
    try:
        yield
    except FleetError:
        raise
    except MemoryError as error:
        sentence = f"The work on {what} needs more than {MEMORY >> 30} GB of memory."
        raise FleetError(sentence) from error
    except RecursionError as error:
        sentence = f"{what} has something that is nested too deeply to be read."
        raise FleetError(sentence) from error
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise FleetError(f"{what} cannot be read: {reason}.") from error

"""What a running service holds."""

import math
from collections.abc import Sequence
from typing import TypeVar

from starlette.datastructures import State

from app.core.config import EnvironmentSettings
from app.core.database import Database
from app.server.readiness import Readiness

AnySettings = TypeVar("AnySettings", bound=EnvironmentSettings)


class ServiceState(State):
    """`app.state`, with types. `database` is set when the service starts."""

    database: Database
    draining: bool
    readiness: Readiness
    settings: Sequence[EnvironmentSettings]
    """Those of the service, then those of the capabilities: `settings_of` finds one."""
    unavailable_at: float
    """When a request was last answered 503 because of the database, in monotonic seconds."""

    def __init__(self, readiness: Readiness, *settings: EnvironmentSettings) -> None:
        super().__init__()
        self.settings = settings
        self.draining = False
        self.readiness = readiness
        self.unavailable_at = -math.inf

    def settings_of(self, kind: type[AnySettings]) -> AnySettings:
        """The settings of a kind: `Settings`, or what a capability calls so."""
        return next(each for each in self.settings if isinstance(each, kind))

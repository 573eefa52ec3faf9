"""What a running service holds."""

import math

from starlette.datastructures import State

from app.core.database import Database
from app.server.readiness import Readiness


class ServiceState(State):
    """`app.state`, with types. `database` is set when the service starts."""

    database: Database
    draining: bool
    readiness: Readiness
    unavailable_at: float
    """When a request was last answered 503 because of the database, in monotonic seconds."""

    def __init__(self, readiness: Readiness) -> None:
        super().__init__()
        self.draining = False
        self.readiness = readiness
        self.unavailable_at = -math.inf

"""What a running service holds."""

from starlette.datastructures import State

from app.core.database import Database
from app.server.readiness import Readiness


class ServiceState(State):
    """`app.state`, with types. `database` is set when the service starts."""

    database: Database
    draining: bool
    readiness: Readiness

    def __init__(self, readiness: Readiness) -> None:
        super().__init__()
        self.draining = False
        self.readiness = readiness

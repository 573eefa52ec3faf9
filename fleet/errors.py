"""Errors, each one sentence for the person at the terminal."""


class FleetError(Exception):
    """A sentence that names the thing, its value and the way out."""

    def __str__(self) -> str:
        return str(self.args[0])


class NotAllowedError(FleetError):
    """A service's template may not be cloned. Its address is the second argument."""

    @property
    def address(self) -> str:
        return str(self.args[1])

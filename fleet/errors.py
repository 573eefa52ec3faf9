"""Errors, each one sentence for the person at the terminal."""


class FleetError(Exception):
    """A sentence that names the thing, its value and the way out."""

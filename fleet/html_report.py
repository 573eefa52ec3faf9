"""The fleet as one HTML page that loads nothing: table, versions, age."""

from collections import Counter
from collections.abc import Iterable
from datetime import date

from jinja2 import Environment, PackageLoader, StrictUndefined

from fleet.status import Status

AGES = {30: "up to 30 days", 90: "31 to 90 days", 180: "91 to 180 days", 365: "181 to 365 days"}
OLDER, NEVER = "more than a year", "not committed"


def html(fleet: list[Status], today: date) -> str:
    # Names, answers and sentences come from outside: everything is escaped.
    pages = Environment(
        loader=PackageLoader("fleet", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known = [service for service in fleet if not service.error]
    return pages.get_template("status.html").render(
        today=today,
        services=known,
        errors=[service for service in fleet if service.error],
        charts={"Versions": versions(known), "Days since the last update": ages(known, today)},
    )


def versions(fleet: list[Status]) -> list[tuple[str, int]]:
    """How many services are at each version, the most outdated version last."""
    behind = {service.version or "": service.behind or 0 for service in fleet}
    counted = Counter(service.version or "" for service in fleet)
    return sorted(counted.items(), key=lambda pair: (behind[pair[0]], pair[0]))


def ages(fleet: list[Status], today: date) -> list[tuple[str, int]]:
    """How many services fall into each class of age. Empty classes are left out."""
    counted = Counter(_age(service, today) for service in fleet)
    return [(name, counted[name]) for name in _names() if counted[name]]


def _age(service: Status, today: date) -> str:
    if service.updated is None:
        return NEVER
    days = (today - service.updated).days
    return next((name for limit, name in AGES.items() if days <= limit), OLDER)


def _names() -> Iterable[str]:
    return [*AGES.values(), OLDER, NEVER]

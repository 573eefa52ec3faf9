"""The fleet as one page of HTML that loads nothing: table, versions, age."""

from collections import Counter
from collections.abc import Iterable
from datetime import date

from jinja2 import Environment, PackageLoader, StrictUndefined

from fleet.status import Status

AGES = {30: "up to 30 days", 90: "31 to 90 days", 180: "91 to 180 days", 365: "181 to 365 days"}
OLDER, NEVER = "more than a year", "not committed"


def render(fleet: list[Status], today: date) -> str:
    # Names, answers and sentences come from outside: everything is escaped.
    pages = Environment(
        loader=PackageLoader("fleet", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known = [it for it in fleet if not it.error]
    return pages.get_template("status.html").render(
        today=today,
        services=known,
        errors=[it for it in fleet if it.error],
        charts={"Versions": versions(known), "Days since the last update": ages(known, today)},
    )


def versions(fleet: list[Status]) -> list[tuple[str, int]]:
    """How many services are at each version, the one that most releases have left behind last."""
    behind = {it.version or "": it.behind or 0 for it in fleet}
    counted = Counter(it.version or "" for it in fleet)
    return sorted(counted.items(), key=lambda pair: (behind[pair[0]], pair[0]))


def ages(fleet: list[Status], today: date) -> list[tuple[str, int]]:
    """How many services were updated how long ago. Classes without services are left out."""
    counted = Counter(_age(it, today) for it in fleet)
    return [(name, counted[name]) for name in _names() if counted[name]]


def _age(it: Status, today: date) -> str:
    if it.updated is None:
        return NEVER
    days = (today - it.updated).days
    return next((name for limit, name in AGES.items() if days <= limit), OLDER)


def _names() -> Iterable[str]:
    return [*AGES.values(), OLDER, NEVER]

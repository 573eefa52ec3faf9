"""The fleet as one HTML page that loads nothing: totals, charts, and a table of services."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fleet.history import Adoption
from fleet.output import printable
from fleet.policy import Finding
from fleet.status import Status
from fleet.waivers import Waiver

AGES = {30: "up to 30 days", 90: "31 to 90 days", 180: "91 to 180 days", 365: "181 to 365 days"}
OLDER, NEVER = "more than a year", "not committed"
SOON = 30
"""Days: a waiver that ends within them is listed above all services."""
WIDTH, HEIGHT = 480, 120
"""Of the chart of adoption, in pixels."""
ALWAYS = ("Service", "Owner", "Version", "Behind", "Version since", "Last commit", "Drift")
HIDDEN = ("Repository", "Answers", "Path", "Template")
"""Columns that one has to choose."""

Findings = Mapping[str, Sequence[Finding]]


@dataclass(frozen=True)
class Ending:
    """A waiver that ends soon, or has ended."""

    service: Status
    waiver: Waiver
    days: int


@dataclass(frozen=True)
class Page:
    """What the page shows. Findings are None without a policy."""

    fleet: Sequence[Status]
    today: date
    findings: Findings | None = None
    adoption: Adoption | None = None
    known: Sequence[Status] = field(init=False)

    def __post_init__(self) -> None:
        known = [service for service in self.fleet if not service.error]
        object.__setattr__(self, "known", known)

    @property
    def errors(self) -> list[Status]:
        return [service for service in self.fleet if service.error]

    @property
    def newest(self) -> list[tuple[str, str]]:
        """Each template and its newest version."""
        return sorted({(service.template or "", service.newest or "") for service in self.known})

    @property
    def columns(self) -> list[str]:
        """What nobody asked for has no column."""
        asked = any(service.conflicts is not None for service in self.known)
        optional = {
            "Findings": self.findings is not None,
            "Waivers": True,
            "Conflicts": asked,
            "Branches": True,
        }
        return [*ALWAYS, *(name for name, shown in optional.items() if shown), *HIDDEN]

    @property
    def totals(self) -> list[tuple[str, str, int]]:
        """What is counted, in words and as a row of the table is marked, and how many there are."""
        counted = Counter(mark for service in self.known for mark in self.marks(service))
        counted["unreadable"] = len(self.errors)
        words = {
            "newest": "on the newest release",
            "behind": "behind",
            "drifted": "drifted",
            "branch": "with an open branch",
            "finding": "against the policy",
            "ending": "with a waiver that ends soon",
            "unreadable": "unreadable",
        }
        if self.findings is None:
            del words["finding"]
        return [(text, mark, counted[mark]) for mark, text in words.items()]

    def marks(self, service: Status) -> list[str]:
        """By which totals a service counts."""
        holds = {
            "newest": service.behind == 0,
            "behind": bool(service.behind),
            "drifted": bool(service.drift),
            "branch": bool(service.branches),
            "finding": bool(self.faults(service)),
            "ending": any(self.ends_soon(waiver) for waiver in service.waivers),
        }
        return [mark for mark, held in holds.items() if held]

    def faults(self, service: Status) -> Sequence[Finding]:
        return (self.findings or {}).get(service.path, ())

    def ends_soon(self, waiver: Waiver) -> bool:
        return waiver.expires < self.today + timedelta(days=SOON)

    @property
    def ending(self) -> list[Ending]:
        """The waivers that end soon, the first to end first."""
        found = [
            Ending(service, waiver, (waiver.expires - self.today).days)
            for service in self.known
            for waiver in service.waivers
            if self.ends_soon(waiver)
        ]
        return sorted(found, key=lambda ending: ending.days)


def html(page: Page) -> str:
    # Names, answers and sentences come from outside: everything is escaped, and shown without
    # what is not printable: what turns text around, and bytes that are not UTF-8.
    pages = Environment(
        loader=PackageLoader("fleet", "pages"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template("status.html").render(
        page=page,
        today=page.today,
        hidden=HIDDEN,
        charts={
            "Versions": versions(page.known),
            "Days since the last update": ages(page.known, page.today),
        },
        layers=layers(page.adoption) if page.adoption else {},
        width=WIDTH,
        height=HEIGHT,
    )


def _shown(value: object) -> str:
    return value if isinstance(value, Markup) else printable(str(value))


def versions(fleet: Sequence[Status]) -> list[tuple[str, int]]:
    """How many services are at each version, the most outdated version last."""
    several = len({service.template for service in fleet}) > 1
    names = [_version(service, several) for service in fleet]
    behind = {name: service.behind or 0 for name, service in zip(names, fleet, strict=True)}
    return sorted(Counter(names).items(), key=lambda pair: (behind[pair[0]], pair[0]))


def _version(service: Status, several: bool) -> str:
    """With its template's name, where there are several."""
    name = (service.template or "").rstrip("/").rpartition("/")[2]
    return f"{name} {service.version}" if several else service.version or ""


def ages(fleet: Sequence[Status], today: date) -> list[tuple[str, int]]:
    """How many services fall into each class of age. Empty classes are left out."""
    counted = Counter(_age(service, today) for service in fleet)
    return [(name, counted[name]) for name in [*AGES.values(), OLDER, NEVER] if counted[name]]


def _age(service: Status, today: date) -> str:
    if service.version_since is None:
        return NEVER
    days = (today - service.version_since).days
    return next((name for limit, name in AGES.items() if days <= limit), OLDER)


def layers(adoption: Adoption) -> dict[str, str]:
    """The areas of the chart of adoption, one upon the other, as points of SVG polygons; those
    of the newest release lie at the bottom."""
    first, last = adoption.days[0], adoption.days[-1]
    span = (last - first).days or 1
    xs = [round((day - first).days / span * WIDTH, 1) for day in adoption.days]
    most = max(map(sum, zip(*adoption.counts.values(), strict=True)), default=0) or 1
    base, areas = [0] * len(xs), {}
    for name, counts in adoption.counts.items():
        top = [below + count for below, count in zip(base, counts, strict=True)]
        edge = [*zip(xs, top, strict=True), *reversed([*zip(xs, base, strict=True)])]
        areas[name] = " ".join(f"{x:g},{HEIGHT - y / most * HEIGHT:g}" for x, y in edge)
        base = top
    return areas

"""Sixty resources in five services, in which each two of types, options and capabilities meet."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, product

from fleet.errors import FleetError
from fleet.resource import names
from fleet.resource.project import Project
from fleet.resource.reading import read
from fleet.resource.record import Recorded
from tests.resource.specifications import Asked

SERVICES: dict[str, dict[str, object]] = {
    "plain": {},
    "auth": {"auth": "oidc", "container": False},
    "jobs": {"jobs": True, "ci": "gitlab"},
    "telemetry": {"telemetry": True, "auth": "oidc", "ci": "none"},
    "everything": {"auth": "oidc", "jobs": True, "telemetry": True, "kubernetes": True},
}
"""And their answers."""
TYPES = {
    "str(40)": "x", "str(100)": '"a b"', "str(600)": "ü", "text": "x", "text(80)": '""',
    "int": "-1", "int(-5,2000)": "7", "bigint": "1", "bigint(0,5000)": "0",
    "decimal(12,2)": "0.5", "decimal(6,0)": "5", "decimal(4,4)": "-0.5", "float": "0.25",
    "bool": "true", "date": "", "datetime": "", "duration": "", "uuid": "",
    "enum(draft,placed,sent)": "placed", "enum(none,x-y)": "x-y", "json": "{}",
    "array(str(20))": "[]", "array(int(0,9),3)": "[]", "array(enum(red,blue))": "[]",
    "array(datetime)": "[]", "ref(items)": "", "ref({before})": "", "ref({many})": "",
}  # fmt: skip
"""And a default of each that has one. A reference is to the example, to another, or to itself."""
STATES = ("", "?", "=")
OPTIONS = ("", "unique", "index", "search", "immutable", "secret", "unique index",
           "unique search", "index immutable", "unique immutable", "index search",
           "secret immutable")  # fmt: skip
SORTED = ("str(40)", "int", "bigint(0,5000)", "decimal(12,2)", "date", "datetime")
SORTS = ("", "-created_at", "rank", "-rank")
WITHOUT = ("", "etag", "idempotency", "etag, idempotency")
UNDER = ("", "items")
NAMES = ("customer", "order", "user", "category", "group", "box", "order_line", "person", "grant",
         "day", "address", "window")  # fmt: skip
COLUMNS = ("select", "end", "table", "user", "default", "check", "group", "primary", "to", "when")
"""Words that stand in quotation marks in SQL."""
MOST_FILTERS = 8
TOP = 8
"""Fields of a resource, beside the one that it may be sorted by."""

Pair = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Combination:
    type: str
    state: str
    option: str

    def written(self, name: str, **words: str) -> str:
        default = TYPES[self.type] if self.state == "=" else ""
        return f"{name}:{self.type.format(**words)}{self.state}{default} {self.option}".strip()

    @property
    def filters(self) -> int:
        filtered = "index" in self.option or self.type.startswith("ref")
        return filtered + ("search" in self.option)


def legal(project: Project) -> list[Combination]:
    """What the command takes."""
    found = []
    for each in (Combination(*parts) for parts in product(TYPES, STATES, OPTIONS)):
        field = each.written("size", before="items", many="lamps")
        try:
            read(project, "lamp", Recorded(fields=f"name:str(9), {field}"))
        except FleetError:
            continue
        found.append(each)
    return found


def pairs(*groups: Iterable[tuple[str, str]]) -> Iterator[Pair]:
    """Each two, of different kinds."""
    for one, other in combinations([each for group in groups for each in group], 2):
        yield frozenset({one, other})


def contexts() -> list[dict[str, str]]:
    """Twelve resources for each service: each two of their properties meet."""
    return [
        {
            "service": service,
            "sort": SORTS[(number + shift) % 4],
            "without": WITHOUT[(number // 4 + number) % 4],
            "under": UNDER[(number // 2 + shift) % 2],
        }
        for shift, service in enumerate(SERVICES)
        for number in range(len(NAMES))
    ]


def resources(project: Project) -> dict[str, list[Asked]]:
    """Twelve to a service."""
    chance = random.Random(21)
    there = legal(project)
    chance.shuffle(there)
    missing = set(wanted(there))
    found: dict[str, list[Asked]] = {service: [] for service in SERVICES}
    for number, context in enumerate(contexts()):
        asked = found[context["service"]]
        chosen: list[Combination] = []
        met = {each: covered(each, context) for each in there}
        while len(chosen) < TOP:
            room = MOST_FILTERS - 1 - sum(each.filters for each in chosen)
            able = [each for each in there if each.filters <= room]
            best = max(able, key=lambda each: len(missing & met[each]))
            missing -= met[best]
            chosen.append(best)
        name = NAMES[len(asked)]
        rank = f"rank:{SORTED[number % 6]}{' index' if number % 5 == 0 else ''}"
        before = asked[-1].many if asked else "items"
        many = names.plural(name)
        written = [
            each.written(column, before=before, many=many)
            for each, column in zip(chosen, COLUMNS, strict=False)
        ]
        given = {part: context[part] for part in ("sort", "without", "under")}
        asked.append(Asked(name, ", ".join([rank, *written]), **given))
    assert not missing
    return found


def wanted(there: list[Combination]) -> Iterator[Pair]:
    """Each two that can meet at all."""
    for each in there:
        yield from pairs(vars(each).items())
        for context in contexts():
            yield from covered(each, context)


def covered(each: Combination, context: dict[str, str]) -> set[Pair]:
    own, around = vars(each).items(), context.items()
    return set(pairs(own)) | {frozenset({one, other}) for one in own for other in around}

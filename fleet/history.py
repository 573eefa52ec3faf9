"""A folder with a report of the fleet for each day, and how releases were adopted over time."""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ValidationError

from fleet.errors import FleetError

NAME = re.compile(r"\d{4}-\d{2}-\d{2}\.json")
MOST_DAYS = 120
"""Points of the chart: of more days, evenly many are left out."""
NEWEST = 5
"""Releases that the chart tells apart; older ones are counted together."""
OLDER, NONE, UNREADABLE = "older", "no release", "unreadable"


class Known(BaseModel, frozen=True):
    """What the chart needs of a service in the JSON of `fleet status`."""

    error: str | None
    release: str | None


class Report(BaseModel, frozen=True):
    services: list[Known]


@dataclass(frozen=True)
class Adoption:
    """How many services were at each release on each day; the newest release comes first."""

    days: Sequence[date]
    counts: Mapping[str, Sequence[int]]


def keep(folder: Path, today: date, json: str) -> None:
    """Write the report of a day, in place of an earlier one of that day. Raises FleetError if it
    cannot be written."""
    file = folder / f"{today}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=folder, encoding="utf-8", delete=False) as scratch:
            scratch.write(json)
        Path(scratch.name).chmod(0o644)
        os.replace(scratch.name, file)  # noqa: PTH105 (whole or not at all)
    except OSError as error:
        raise FleetError(f"{file} cannot be written: {error.strerror}.") from error


def adoption(folder: Path) -> Adoption:
    """Raises FleetError for a file with the name of a day that is no report."""
    named = sorted(file for file in folder.iterdir() if NAME.fullmatch(file.name))
    step = -(-len(named) // MOST_DAYS) or 1
    chosen = named[::-step][::-1]  # today's is among them
    days = {_day(file): _counted(file) for file in chosen}
    names = _ordered({name for counted in days.values() for name in counted})
    counts = {name: [counted[name] for counted in days.values()] for name in names}
    return Adoption(list(days), _merged(counts))


def _day(file: Path) -> date:
    try:
        return date.fromisoformat(file.stem)
    except ValueError as error:
        raise FleetError(f"{file} has the name of no day.") from error


def _counted(file: Path) -> Counter[str]:
    try:
        report = Report.model_validate_json(file.read_bytes())
    except OSError as error:
        raise FleetError(f"{file} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise FleetError(
            f"{file} was not written by `fleet status --history`: move it away."
        ) from error
    return Counter(_name(service) for service in report.services)


def _name(service: Known) -> str:
    return UNREADABLE if service.error else service.release or NONE


def _ordered(names: set[str]) -> list[str]:
    """The newest release first; those that cannot be read last."""
    return sorted(names, key=_rank, reverse=True)


def _rank(name: str) -> tuple[int, Any, str]:
    if name in {NONE, UNREADABLE}:
        return (0 if name == UNREADABLE else 1), Version("0"), name
    try:
        return 3, Version(name), name
    except InvalidVersion:
        return 2, Version("0"), name


def _merged(counts: Mapping[str, Sequence[int]]) -> dict[str, Sequence[int]]:
    """The newest releases, and the sum of all older ones."""
    releases = [name for name in counts if name not in {NONE, UNREADABLE}]
    older = releases[NEWEST:]
    merged = {name: counts[name] for name in releases[:NEWEST]}
    if older:
        merged[OLDER] = [sum(day) for day in zip(*(counts[name] for name in older), strict=True)]
    return merged | {name: counts[name] for name in (NONE, UNREADABLE) if name in counts}

"""Who owns each file of a service, as the template's ownership.toml declares."""

import tomllib
from dataclasses import dataclass
from enum import StrEnum

from pathspec import GitIgnoreSpec

from fleet.errors import FleetError


class Owner(StrEnum):
    TEMPLATE = "template"
    SHARED = "shared"
    SEED = "seed"
    SERVICE = "service"


@dataclass(frozen=True)
class Ownership:
    """Patterns by owner; for the template's own patterns, the place for a service's additions."""

    patterns: dict[Owner, GitIgnoreSpec]
    places: dict[str, str]
    others: tuple[str, ...]
    """The patterns of files that are not the template's own."""

    @classmethod
    def parse(cls, text: str) -> "Ownership":
        """Raises FleetError if the text is not TOML or names an unknown class."""
        try:
            declared = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise FleetError(f"The template's ownership.toml is not valid: {error}.") from error
        if unknown := sorted(set(declared) - {Owner.TEMPLATE, Owner.SHARED, Owner.SEED}):
            names = ", ".join(unknown)
            raise FleetError(f"The template's ownership.toml has unknown classes: {names}.")
        patterns = {
            Owner(name): GitIgnoreSpec.from_lines(list(lines)) for name, lines in declared.items()
        }
        others = (*declared.get(Owner.SHARED, ()), *declared.get(Owner.SEED, ()))
        return cls(patterns, dict(declared.get(Owner.TEMPLATE, {})), others)

    def owners(self, path: str) -> list[Owner]:
        """The owners whose patterns match a path: exactly one for each rendered file."""
        return [owner for owner, spec in self.patterns.items() if spec.match_file(path)]

    def owner(self, path: str) -> Owner:
        return next(iter(self.owners(path)), Owner.SERVICE)

    def place(self, path: str) -> str:
        """Where additions to a file of the template belong."""
        fitting = (
            place
            for pattern, place in self.places.items()
            if GitIgnoreSpec.from_lines([pattern]).match_file(path)
        )
        return next(fitting)

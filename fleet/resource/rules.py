"""What has to hold of a whole resource, before a byte changes."""

from fleet.errors import FleetError
from fleet.resource import names, words
from fleet.resource.project import Project
from fleet.resource.resource import Resource

MOST_FILTERS = 8


def require_free(project: Project, singular: str, plural: str) -> None:
    """Raises FleetError if a folder or a table has the name."""
    for place in ("app", "tests"):
        for path in (f"{place}/{plural}", f"{place}/{plural}.py"):
            if (project.folder / path).exists() or (project.folder / path).is_symlink():
                raise FleetError(f"{path} is there already, and nothing is overwritten.")
    _require_unused(project, singular)
    if plural in project.routers:
        raise FleetError(f'app/api.py has a name "{plural}" already.')


def require_whole(project: Project, resource: Resource, known: Resource | None = None) -> None:
    """Raises FleetError for fields that do not go together. The names of `known` are its own."""
    if all(field.is_itself for field in resource.mutable):
        raise FleetError("There has to be a field that can be changed, and is no ref to itself.")
    parent = resource.parent and f"{resource.parent.singular}_id"
    if parent in {field.name for field in resource.fields}:
        raise FleetError(f'"{parent}" is the parent of --under: no field can be called that.')
    _require_arguments(resource)
    _require_classes(resource)
    own = _names(known) if known else set()
    for field in resource.fields:
        if field.values and f"{resource.singular}_{field.name}" not in own:
            _require_unused(project, f"{resource.singular}_{field.name}")
    _require_short(project, resource, own)


def _require_unused(project: Project, name: str) -> None:
    if name in project.taken:
        raise FleetError(f'A table or type "{name}" is in {project.taken[name]} already.')


def _require_arguments(resource: Resource) -> None:
    given = [names.argument(field.name) for field in resource.filters]
    given += [f"{field.name}_prefix" for field in resource.searches]
    if len(given) > MOST_FILTERS:
        raise FleetError(f"A list has {MOST_FILTERS} filters at most, and this has {len(given)}.")
    for name in given:
        if name in words.ARGUMENTS or given.count(name) > 1:
            raise FleetError(f'A list cannot be filtered by "{name}", which means something else.')


def _require_classes(resource: Resource) -> None:
    """The names that stand side by side in `schemas.py` and `service.py`."""
    own = [f"{resource.python}{end}" for end in ("", *words.SCHEMAS)]
    own += [] if resource.order.is_by_time else [resource.order.key]
    enums = [field.python for field in resource.fields if field.python]
    aliases = [field.alias for field in resource.fields if field.alias]
    others = [field.other.python for field in resource.references if field.other]
    for name in (all_names := [*own, *enums, *aliases]):
        if all_names.count(name) > 1 or name in words.IN_SCHEMAS or name in others:
            raise FleetError(f'Two things would be called "{name}": choose another name.')


def _require_short(project: Project, resource: Resource, own: set[str]) -> None:
    """Postgres cuts longer names off, and has one name for one thing."""
    found = sorted(_names(resource), key=len)
    if len(longest := found[-1]) > names.LONGEST:
        raise FleetError(
            f"The name {longest} would have {len(longest)} bytes, and Postgres keeps"
            f" {names.LONGEST}: choose shorter names."
        )
    for name in found:
        if name in project.migrated and name not in own:
            raise FleetError(f"A migration makes {name} already: choose another name.")


def _names(resource: Resource) -> set[str]:
    """Those of constraints, indexes and types, and of some that a change may bring."""
    order = f"{resource.order.column}_id_idx"
    ends = {f"_{order}", "_pkey"}
    for field in resource.fields:
        ends |= {f"_{field.name}{end}" for end in ("_key", "_fkey", "_check", "_idx")}
        if field.python:
            ends.add(f"_{field.name}")  # the type of an enum
        if field.is_filter:
            ends.add(f"_{field.name}_{order}")
    if resource.parent:
        ends.add(f"_{resource.parent.singular}_id_{order}")
    return {f"{resource.singular}{end}" for end in ends}

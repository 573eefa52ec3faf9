"""Which resources were written, by which fields: so that a field can be added to one."""

import json
from importlib.metadata import version

from pydantic import BaseModel, ConfigDict, TypeAdapter

from fleet import toml_file
from fleet.resource.project import Project
from fleet.resource.resource import Resource

RECORD = ".template-resources.toml"
HEADER = "# What `make resource` wrote, which lets it add a field. Not meant for edits.\n"


class Recorded(BaseModel):
    model_config = ConfigDict(extra="ignore")

    fields: str
    plural: str = ""
    under: str = ""
    sort: str = ""
    without: str = ""
    version: str = ""


def recorded(project: Project) -> dict[str, Recorded]:
    """The resources by name. Raises FleetError for a file that is not valid."""
    if not (project.folder / RECORD).is_file():
        return {}
    declared = toml_file.toml(project.folder / RECORD)
    return {
        name: toml_file.validated(f"{RECORD}, [{name}]", each, Recorded)
        for name, each in TypeAdapter(dict[str, object]).validate_python(declared).items()
    }


def recording(project: Project, resource: Resource, asked: Recorded) -> str:
    """The text of the file with a resource more, or with other fields of one."""
    more = {"plural": resource.plural, "version": version("fastapi-postgres-template")}
    own = asked.model_copy(update=more)
    every = recorded(project) | {resource.singular: own}
    return HEADER + "".join(_table(name, each) for name, each in sorted(every.items()))


def _table(name: str, each: Recorded) -> str:
    given = each.model_dump(exclude_defaults=True)
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in given.items()]
    return f"\n[{name}]\n{''.join(lines)}"

"""Writes docs/settings.md, the page of all settings: `make settings`.

Names, values and defaults are those of `Settings` and of the classes that capabilities add, the
sentences those of `.env.example` and of the `.env.*.example` beside it.
"""

import re
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from app.core.config import EnvironmentSettings, Settings
from app.server import capabilities

ROOT = Path(__file__).resolve().parent.parent
UNITS = {"_SECONDS": "seconds", "_BYTES": "bytes"}
KINDS: dict[Any, str] = {bool: "true or false", SecretStr: "secret", int: "number", float: "number"}
HEAD = """\
# Settings

From environment variables, then from `.env`. `make settings` writes this page.

| variable | value | default | what it does, and when to change it |
|---|---|---|---|
"""


def page() -> str:
    told = sentences()
    rows = [
        f"| `{variable}` | {_value(variable, field)} | {_default(field)} | {told[variable]} |\n"
        for variable, field in fields().items()
    ]
    return HEAD + "".join(rows)


def fields() -> dict[str, FieldInfo]:
    """Each setting by its variable."""
    classes: list[type[EnvironmentSettings]] = [Settings, *capabilities.settings_classes()]
    return {name.upper(): field for one in classes for name, field in one.model_fields.items()}


def sentences() -> dict[str, str]:
    """What the examples say above each variable. A line `# NAME: ...` is about that one alone."""
    example = "\n\n".join(file.read_text() for file in sorted(ROOT.glob(".env*.example")))
    told: dict[str, str] = {}
    named: dict[str, str] = {}
    above: list[str] = []
    is_new = True
    for line in example.splitlines():
        if variable := re.match(r"#? ?([A-Z_]+)=", line):
            own = named.pop(variable[1], "")
            told[variable[1]] = " ".join(filter(None, [own, *above])).replace("|", r"\|")
            is_new = True
        elif one := re.match(r"# ([A-Z_]+): (.+)", line):
            named[one[1]] = one[2]
        elif not line or line.endswith(":"):
            above = []
        else:
            above = [line.removeprefix("# ")] if is_new else [*above, line.removeprefix("# ")]
            is_new = False
    return told


def _value(variable: str, field: FieldInfo) -> str:
    for ending, unit in UNITS.items():
        if variable.endswith(ending):
            return unit
    kind = field.annotation
    if get_origin(kind) in (Union, types.UnionType):
        [kind] = [one for one in get_args(kind) if one is not types.NoneType]
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    return KINDS.get(kind, "text")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if isinstance(field.default, SecretStr) or field.default in (None, ""):
        return ""
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


if __name__ == "__main__":
    (ROOT / "docs" / "settings.md").write_text(page())

"""Asks for the fields, for those who do not know the grammar."""

from collections.abc import Callable

import typer

from fleet.resource.grammar import OPTIONS
from fleet.resource.mistakes import FieldsError
from fleet.resource.types import WORDS

FORMS = {
    "str": "str(100)",
    "decimal": "decimal(12,2)",
    "enum": "enum(draft,placed)",
    "array": "array(str(20))",
    "ref": "ref(customers)",
}
"""Types that have arguments."""
Check = Callable[[str], object]


def ask(check: Check) -> str:
    """The fields, as somebody would have written them. `check` raises `FieldsError`."""
    typer.echo(f"Types: {', '.join(FORMS.get(word, word) for word in WORDS)}")
    fields: list[str] = []
    while name := _prompt(f"Field {len(fields) + 1} (nothing: that is all)"):
        field = _field(name)
        try:
            check(", ".join([*fields, field]))
        except FieldsError as mistake:
            typer.echo(f"{mistake.shown()}\n{mistake}\nOnce more.")
        else:
            fields.append(field)
    return ", ".join(fields)


def _field(name: str) -> str:
    kind = _prompt("  Type", "str(100)")
    null = "?" if typer.confirm("  May it be null?", default=False) else ""
    default = _prompt("  Default (nothing: none)")
    quoted = f'"{default}"' if set(default) & set(" ,()") else default
    options = _prompt(f"  Options of {', '.join(OPTIONS)} (nothing: none)")
    written = f"{name}:{kind}{null}{f'={quoted}' if default else ''}"
    return " ".join([written, *options.replace(",", " ").split()])


def _prompt(question: str, default: str = "") -> str:
    answer: str = typer.prompt(question, default=default, show_default=bool(default))
    return answer.strip()

"""Drift: a service's changes to the template's own files."""

from difflib import unified_diff
from pathlib import Path
from tempfile import TemporaryDirectory

from fleet.ownership import Owner
from fleet.service import ANSWERS_FILE, Service
from fleet.source import source
from fleet.template import Template, files


def drift(service: Service, template: Template) -> dict[str, str]:
    """One diff per file of the template that differs from the recorded version's render."""
    # From the newest version: early ones do not declare it.
    ownership = template.ownership(template.newest)
    plain = source(template, service.version, ownership.others)
    with TemporaryDirectory(prefix="render-") as folder:
        render = Path(folder)
        template.render(
            service.version,
            service.answers,
            render,
            leave_out=[*ownership.others, *plain.unchanged(service.folder)],
            source=plain.folder,
        )
        owned = [path for path in files(render) if ownership.owner(path) is Owner.TEMPLATE]
        diffs = {path: diff(render, service.folder, path) for path in owned}
    return {path: text for path, text in diffs.items() if text and path != ANSWERS_FILE}


def diff(render: Path, actual: Path, path: str) -> str:
    """A unified diff from the template's file to the service's; empty if they are equal."""
    lines = unified_diff(
        _lines(render / path), _lines(actual / path), f"template/{path}", f"service/{path}"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _lines(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    return text.splitlines(keepends=True)

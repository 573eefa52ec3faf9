"""Brings fields and a newer form to what was written: a three-way merge, which keeps edits."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fleet.errors import FleetError
from fleet.resource import grammar
from fleet.resource.kept import kept
from fleet.resource.mistakes import FieldsError
from fleet.resource.project import Project
from fleet.resource.reading import read_again
from fleet.resource.record import Recorded
from fleet.resource.resource import Field, Resource
from fleet.resource.writing import files, own_files

MOST_CONFLICTS = 127
"""As git-merge-file(1) counts."""


@dataclass(frozen=True)
class Changed:
    resource: Resource
    texts: dict[str, str]
    """The files that change, with the markers of conflicts."""
    written: dict[str, str]
    """All files, as nobody has edited them."""
    conflicts: list[str]
    left_deleted: list[str]
    """Files that somebody had deleted, and that would change."""


def change(project: Project, name: str, known: Recorded, fields: str) -> Changed:
    """Raises FleetError for what is more than fields that a table with rows takes at once."""
    old, new = read_again(project, name, known, fields)
    _require_addition(known.fields, fields, new)
    before = kept(project, name) or own_files(files(project, old))
    after = own_files(files(project, new))
    changed = [path for path, text in after.items() if text != before.get(path)]
    if not changed:
        raise FleetError(
            f"{known.plural} are as this version writes them, with '{known.fields}':"
            " give these, and one more."
        )
    there = {path: project.text(path) for path in changed if (project.folder / path).is_file()}
    deleted = [path for path in changed if path in before and path not in there]
    texts = {path: after[path] for path in changed if path not in before and path not in there}
    conflicts = []
    for path, ours in there.items():
        texts[path], is_conflict = _merged(ours, before.get(path, ""), after[path])
        conflicts += [path] if is_conflict else []
    return Changed(new, texts, after, conflicts, deleted)


def _require_addition(before: str, after: str, resource: Resource) -> None:
    old = {written.name: written for written in grammar.parse(before)}
    for written, field in zip(grammar.parse(after), resource.fields, strict=True):
        if written.name not in old:
            _require_addable(field, after, written.places["name"])
        elif not written.is_like(old.pop(written.name)):
            sentence = f'"{written.name}" is there already, as another: change it by hand.'
            raise FieldsError(sentence, after, written.places["name"])
    if old:
        raise FleetError(f'The field "{next(iter(old))}" is there, and goes by hand alone.')


def _require_addable(field: Field, text: str, place: int) -> None:
    if field.is_required:
        sentence = f"Rows that are there have no {field.name}: write `?` or a default."
        raise FieldsError(sentence, text, place)
    if field.is_filter or field.is_search or field.kind.check or "unique" in field.options:
        sentence = (
            f"{field.name} needs an index or a constraint, which a table with rows takes in"
            " steps: docs/migrations.md has them."
        )
        raise FieldsError(sentence, text, place)


def _merged(ours: str, base: str, theirs: str) -> tuple[str, bool]:
    """The text, and whether it has conflicts."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        for name, text in {"ours": ours, "base": base, "theirs": theirs}.items():
            (folder / name).write_text(text, encoding="utf-8")
        labels = ["-L", "yours", "-L", "before", "-L", "make resource"]
        done = subprocess.run(
            ["git", "merge-file", "--stdout", "--quiet", *labels, "ours", "base", "theirs"],
            cwd=folder,
            capture_output=True,
            check=False,
        )
    if done.returncode > MOST_CONFLICTS:
        raise FleetError(f"git cannot merge: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(), done.returncode > 0

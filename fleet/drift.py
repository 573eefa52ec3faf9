"""Drift: a service's changes to the template's own files."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import unified_diff

from pathspec import GitIgnoreSpec

from fleet import three_way
from fleet.ownership import Owner
from fleet.repository import LINK, Content, Entry, Repository
from fleet.service import ANSWERS_FILE, Service
from fleet.template import Template
from fleet.three_way import Files

Read = Callable[[Repository, Iterable[str]], Mapping[str, Entry]]


def as_committed(repository: Repository, _: Iterable[str]) -> Mapping[str, Entry]:
    return repository.files


def find_drift(
    service: Service, template: Template, read: Read = as_committed, *, same: Sequence[str] = ()
) -> dict[str, str]:
    """A diff for each file of the template that differs from the recorded version's render: in its
    content, its mode or because it is a link. `read` finds the service's files; those that match
    a pattern of `same` are taken for the template's."""
    repository = service.repository
    render = _owned(service, template, GitIgnoreSpec.from_lines(same))
    files = read(repository, sorted(render))
    differing = [path for path in sorted(render) if not _same(repository, render, files, path)]
    return {path: _diff(repository, path, render[path], files.get(path)) for path in differing}


def text_diff(old: bytes, new: bytes, path: str) -> str:
    """A unified diff from the template's file to the service's; empty if they are equal."""
    if old != new and b"\0" in old + new:
        return f"--- template/{path}\n+++ service/{path}\nBinary files differ.\n"
    before, after = (
        [line.decode(errors="replace") for line in text.splitlines(keepends=True)]
        for text in (old, new)
    )
    lines = unified_diff(before, after, f"template/{path}", f"service/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _owned(service: Service, template: Template, same: GitIgnoreSpec) -> Files:
    # From the newest version: early ones do not declare it.
    ownership = template.ownership(template.newest)
    render = template.render(
        service.version,
        service.answers,
        service.folder.resolve().name,
        lambda path: (
            path != ANSWERS_FILE
            and (ownership.owner(path) is Owner.TEMPLATE or same.match_file(path))
        ),
    )
    return three_way.committed(service.repository, template.lend(service.repository, render))


def _same(repository: Repository, render: Files, files: Mapping[str, Entry], path: str) -> bool:
    what = render[path]
    name = what.blob if isinstance(what, Entry) else repository.name(what.text)
    return files.get(path) == Entry(what.mode, name)


def _diff(repository: Repository, path: str, what: Entry | Content, entry: Entry | None) -> str:
    old, new = repository.text(what), b""
    notes = ""
    if entry:
        new = repository.text(entry)
        if entry.mode != what.mode:
            notes = f"{path}: {MODES.get(what.mode, what.mode)} in the template, "
            notes += f"{MODES.get(entry.mode, entry.mode)} in the service\n"
    else:
        notes = f"{path}: missing in the service\n" if not old else ""
    if old.replace(CRLF, LF) == new.replace(CRLF, LF) and old != new:
        return f"{notes}{path}: its lines end in another way than in the template\n"
    return notes + text_diff(old, new, path)


CRLF, LF = b"\r\n", b"\n"
MODES = {"100644": "a plain file", "100755": "executable", LINK: "a link"}

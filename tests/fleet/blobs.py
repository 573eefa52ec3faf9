"""Whether an update kept all edits, told from every blob: those of the service, of its branch, and
of the two renders between which it was updated."""

import difflib
import hashlib
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet.ownership import Owner
from fleet.service import ANSWERS_FILE, open_service
from fleet.template import Template
from tests.support import services

Tree = Mapping[str, str]
"""Mode and name of each blob, by path."""


@dataclass(frozen=True)
class Trees:
    ours: Tree
    old: Tree
    new: Tree
    after: Tree
    texts: Mapping[str, bytes]
    """Of the blobs that are in no repository of the service."""
    seeds: Collection[str]
    """Files that are never updated."""


def lost(
    service: Path, template: Template, to: str, branch: str, carried: Collection[str]
) -> dict[str, str]:
    """What is wrong on a branch, by path. A file that one side changed is as that side has it, to
    the byte; where both did, or where it follows moved names (`carried`), no line is missing that
    the service had added."""
    trees = of(service, template, to, branch)
    paths = {*trees.ours, *trees.old, *trees.new, *trees.after} - {ANSWERS_FILE}
    found = {path: wrong(service, trees, path, carried) for path in sorted(paths)}
    return {path: why for path, why in found.items() if why}


def of(service: Path, template: Template, to: str, branch: str) -> Trees:
    with open_service(service) as opened:
        answers, version = opened.answers, opened.version
    texts: dict[str, bytes] = {}
    renders = []
    for each in (version, to):
        files = template.render(each, answers, service.name)
        contents = template.content(files)
        names = {path: name(text) for path, text in contents.items()}
        texts |= {names[path]: text for path, text in contents.items()}
        renders.append({path: f"{files[path].mode} {names[path]}" for path in files})
    ownership = template.ownership(to)
    seeds = {path for tree in renders for path in tree if ownership.owner(path) is Owner.SEED}
    ours, after = tree(service, "HEAD"), tree(service, branch)
    return Trees(ours, renders[0], renders[1], after, texts, seeds)


def wrong(service: Path, trees: Trees, path: str, carried: Collection[str]) -> str:
    ours, old, new, after = (
        each.get(path) for each in (trees.ours, trees.old, trees.new, trees.after)
    )
    if path in carried or len({ours, old, new}) == 3:
        kept = text(service, trees, after).splitlines()
        added = lines_added(text(service, trees, old), text(service, trees, ours))
        gone = [line for line in added if line not in kept]
        own = [line for line in gone if not line.lstrip().startswith((b"from ", b"import "))]
        return f"lost: {own}" if own else ""
    if path in trees.seeds and ours == old and after == new:
        return ""  # a file that became a seed is updated one last time
    if path in trees.seeds or old == new:
        return "" if after == ours else "changed, which the template had not"
    return "" if after == new else "not as in the new version, though nobody had edited it"


def text(service: Path, trees: Trees, entry: str | None) -> bytes:
    if not entry:
        return b""
    blob = entry.split()[1]
    if blob in trees.texts:
        return trees.texts[blob]
    command = ["git", "cat-file", "blob", blob]
    return subprocess.run(command, cwd=service, check=True, capture_output=True).stdout


def lines_added(old: bytes, new: bytes) -> list[bytes]:
    """The lines of a text that it has and an older one has not at that place."""
    before, after = old.splitlines(), new.splitlines()
    changes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    parts = [after[start:end] for kind, _, _, start, end in changes if kind != "equal"]
    return [line for part in parts for line in part]


def tree(service: Path, commit: str) -> Tree:
    listed = services.git(service, "ls-tree", "-r", "-z", commit).split("\0")
    pairs = (line.partition("\t") for line in listed if line)
    return {path: " ".join(about.split()[::2]) for about, _, path in pairs}


def name(content: bytes) -> str:
    """As git names a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

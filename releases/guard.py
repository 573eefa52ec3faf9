"""Finds what has moved since the last release without a record: `python -m releases.guard`.

`releases/next/moves.toml`, by which services update, must name each removed file of the template,
each removed public name of `app` and each new seed. It may name only targets that exist.
"""

import ast
import sys
from collections.abc import Callable, Iterator, Set
from pathlib import Path

from fleet.ownership import Owner, Ownership
from fleet.rewriting.moves import Moves
from fleet.rewriting.releases import NEXT
from fleet.rewriting.resolution import Names
from releases import history

ROOT = Path(__file__).parents[1]
MOVES = f"releases/{NEXT}/moves.toml"
TEMPLATE, PUBLIC = "template/", "app/"
OWNERSHIP = "ownership.toml"
SUFFIX = ".jinja"

Read = Callable[[str], str]


def faults(root: Path = ROOT) -> list[str]:
    """One sentence per fault: what is missing, and what to do."""
    released = history.last_release(root)
    moves = _moves(root)
    owners = _owners(root, released)
    before = _rendered(history.git(root, "ls-tree", "-r", "--name-only", released, TEMPLATE))
    after = _rendered(history.git(root, "ls-files", TEMPLATE))
    after = {path: name for path, name in after.items() if (root / name).exists()}

    def old(path: str) -> str:
        return history.git(root, "show", f"{released}:{before[path]}")

    def new(path: str) -> str:
        return (root / after[path]).read_text(encoding="utf-8")

    return [
        *_gone_files(moves, before.keys() - after.keys()),
        *_new_seeds(moves, before.keys() & after.keys(), owners),
        *_gone_names(moves, _names(_without_seeds(before, owners), old), _names(after, new)),
        *_missing_files(moves, set(after)),
        *_missing_names(moves, set(after), new),
    ]


def _gone_files(moves: Moves, gone: set[str]) -> Iterator[str]:
    for path in sorted(gone - moves.files.keys() - moves.removed_files.keys()):
        way_out = f"add it to [files] of {MOVES}, or [removed_files]"
        yield f"The template no longer has {path}: {way_out}."


def _new_seeds(moves: Moves, paths: Set[str], owners: tuple[Ownership, Ownership]) -> Iterator[str]:
    before, after = owners
    for path in sorted(paths - set(moves.seeds)):
        if after.owner(path) is Owner.SEED and before.owner(path) is not Owner.SEED:
            yield f"{path} has become a seed: add it to seeds of {MOVES}."


def _gone_names(moves: Moves, before: set[str], after: set[str]) -> Iterator[str]:
    """A name that moved with its module must exist there."""
    names = Names([moves], "")
    for name in sorted(before - after):
        moved = names.resolve(name)
        if not moved or not (moved.reason or moved.path(name) in after):
            yield f"{name} no longer exists: add it to [names] or [removed] of {MOVES}."


def _missing_files(moves: Moves, paths: set[str]) -> Iterator[str]:
    for path in sorted(set(moves.files.values()) - paths):
        yield f"{MOVES} names {path}, which the template does not have: correct it."


def _missing_names(moves: Moves, paths: set[str], read: Read) -> Iterator[str]:
    targets = [*moves.modules.values(), *(name.rpartition(".")[0] for name in moves.names.values())]
    modules = {target: f"{target.replace('.', '/')}.py" for target in targets}
    for target in sorted(target for target, path in modules.items() if path not in paths):
        yield f"{MOVES} names the module {target}, which the template does not have: correct it."
    for target in sorted(moves.names.values()):
        module, _, name = target.rpartition(".")
        if modules[module] in paths and name not in _defined(read(modules[module])):
            yield f"{MOVES} names {target}, which does not exist: correct it."


def _names(paths: dict[str, str], read: Read) -> set[str]:
    """The public names of the service: its modules and their definitions."""
    found = set()
    for path in paths:
        if path.startswith(PUBLIC) and path.endswith(".py") and not path.endswith("__init__.py"):
            module = path.removesuffix(".py").replace("/", ".")
            found |= {module, *(f"{module}.{name}" for name in _defined(read(path)))}
    return found


def _defined(source: str) -> set[str]:
    names = set()
    for node in ast.parse(source).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names |= {
                    each.id for each in ast.walk(ast.Tuple(targets)) if isinstance(each, ast.Name)
                }
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return {name for name in names if not name.startswith("_")}


def _rendered(listed: str) -> dict[str, str]:
    """The template's files, by the path that they render to."""
    return {name.removeprefix(TEMPLATE).removesuffix(SUFFIX): name for name in listed.splitlines()}


def _without_seeds(paths: dict[str, str], owners: tuple[Ownership, Ownership]) -> dict[str, str]:
    now = owners[1]
    return {path: file for path, file in paths.items() if now.owner(path) is not Owner.SEED}


def _owners(root: Path, released: str) -> tuple[Ownership, Ownership]:
    """The owners of files in the last release, and now."""
    known = history.git(root, "ls-tree", "--name-only", released, OWNERSHIP)
    before = history.git(root, "show", f"{released}:{OWNERSHIP}") if known else ""
    file = root / OWNERSHIP
    after = file.read_text(encoding="utf-8") if file.exists() else ""
    return Ownership.parse(before), Ownership.parse(after)


def _moves(root: Path) -> Moves:
    """The moves of the next release, which may have its version already."""
    named = history.prepared(root)
    files = [root / MOVES, *(folder / "moves.toml" for folder in named)]
    file = next((file for file in files if file.exists()), None)
    return Moves.parse(file.read_text(encoding="utf-8") if file else "", MOVES)


if __name__ == "__main__":
    sys.exit("\n".join(faults()) or 0)

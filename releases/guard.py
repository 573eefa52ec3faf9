"""Names what moved since the last release without a move that says so: `python -m releases.guard`.

Services update by `releases/next/moves.toml`. It must name each file of the template that is gone
and each public name of `app/core` that is gone, and only targets that exist.
"""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from packaging.version import Version

from fleet.rewriting.moves import NEXT, Moves
from fleet.rewriting.resolution import Names

ROOT = Path(__file__).parents[1]
MOVES = f"releases/{NEXT}/moves.toml"
TEMPLATE, CORE = "template/", "app/core/"
SUFFIX = ".jinja"

Read = Callable[[str], str]


def faults(root: Path = ROOT) -> list[str]:
    """A sentence for each: what is gone, and the way out."""
    released = _last_release(root)
    file = root / MOVES
    moves = Moves.parse(file.read_text(encoding="utf-8") if file.exists() else "", MOVES)
    before = _rendered(_git(root, "ls-tree", "-r", "--name-only", released, TEMPLATE))
    after = _rendered(_git(root, "ls-files", TEMPLATE))
    after = {path: name for path, name in after.items() if (root / name).exists()}

    def old(path: str) -> str:
        return _git(root, "show", f"{released}:{before[path]}")

    def new(path: str) -> str:
        return (root / after[path]).read_text(encoding="utf-8")

    return [
        *_gone_files(moves, before.keys() - after.keys()),
        *_gone_names(moves, _names(before, old) - _names(after, new)),
        *_missing_files(moves, set(after)),
        *_missing_names(moves, set(after), new),
    ]


def _gone_files(moves: Moves, gone: set[str]) -> Iterator[str]:
    for path in sorted(gone - moves.files.keys() - moves.removed_files.keys()):
        way_out = f"add it to [files] of {MOVES}, or [removed_files]"
        yield f"The template has no {path} any more: {way_out}."


def _gone_names(moves: Moves, gone: set[str]) -> Iterator[str]:
    names = Names([moves], "")
    for name in sorted(name for name in gone if names.resolve(name) is None):
        yield f"There is no {name} any more: add it to [names] or [removed] of {MOVES}."


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
    """The public names of the core: modules, and what they define."""
    found = set()
    for path in paths:
        if path.startswith(CORE) and path.endswith(".py") and not path.endswith("__init__.py"):
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
    """The files of the template by the path that they render to."""
    return {name.removeprefix(TEMPLATE).removesuffix(SUFFIX): name for name in listed.splitlines()}


def _last_release(root: Path) -> str:
    """The commit of the newest release: declared, or the one that added its folder.

    A release that is being prepared has none yet.
    """
    folders = sorted(root.glob("releases/v*/"), key=lambda folder: Version(folder.name))
    commits = (_commit(root, folder) for folder in reversed(folders))
    return next(filter(None, commits))


def _commit(root: Path, folder: Path) -> str:
    if (folder / "commit").exists():
        return (folder / "commit").read_text().strip()
    added = ("log", "--diff-filter=A", "--format=%H", "--", f"{folder}/defaults.yml")
    return _git(root, *added).strip()


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "core.quotePath=false", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit("\n".join(faults()) or 0)

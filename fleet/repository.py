"""A service's repository, read without its configuration and merged without a working tree.

git works in a folder of ours that borrows the service's objects, so neither the service's settings,
hooks and filters nor its working tree take part. What is made lies in our folder until `adopt`
copies the objects of one commit into the service.
"""

import hashlib
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fleet import git
from fleet.errors import FleetError
from fleet.output import printable

FOLDER, LINK, MODULE = "040000", "120000", "160000"
NOBODY = "fleet <fleet@localhost>"
LARGEST = 10 << 20
"""Bytes that a file may have which fleet reads whole."""


@dataclass(frozen=True)
class Entry:
    """A file, link or submodule of a commit."""

    mode: str
    blob: str

    @property
    def is_file(self) -> bool:
        return self.mode.startswith("100")


@dataclass(frozen=True)
class Content:
    """A file that is in no repository yet."""

    mode: str
    text: bytes


@dataclass(frozen=True)
class Tree:
    """What a commit of ours holds: a tree, and changes to it."""

    changes: "Mapping[str, Entry | Content | None]"
    """By path in the repository; None removes a file."""
    start: str = ""
    """The name of the tree that changes; none is an empty one."""
    place: str = ""
    """The folder that `start` is put into."""
    parent: str = ""
    """The name of another commit of ours."""


Listing = Mapping[str, Entry]
"""The entries of a commit by their paths."""


@dataclass(frozen=True)
class Repository:
    folder: Path
    """The service, for messages."""
    git_dir: Path
    prefix: str
    """The service's path inside its repository: empty, or with a trailing slash."""
    head: str
    """The service's commit,"""
    root: str
    """its tree,"""
    tree: str
    """and the service's own tree in it."""
    form: str
    """How git names objects: sha1 or sha256."""
    own: Path
    """Our folder for git."""
    known: dict[str, bytes] = field(default_factory=dict)

    def run(
        self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] = {}
    ) -> "subprocess.CompletedProcess[str]":
        place = {"GIT_DIR": str(self.own), "GIT_WORK_TREE": str(self.attributes)}
        return git.run(
            self.attributes, *arguments, given=given, environment={**place, **environment}
        )

    def output(
        self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] = {}
    ) -> str:
        done = self.run(*arguments, given=given, environment=environment)
        if done.returncode:
            raise FleetError(
                f"`git {arguments[0]}` failed for {self.folder}: {git.said(done.stderr)}"
            )
        return done.stdout

    @property
    def attributes(self) -> Path:
        """A working tree that has nothing but .gitattributes: git finds them nowhere else."""
        return self.own / "attributes"

    def borrow(self, objects: Path) -> None:
        """Read the objects of another repository too."""
        with (self.own / "objects/info/alternates").open("a", encoding="utf-8") as file:
            file.write(f'"{_quoted(str(objects))}"\n')

    def entries(self, tree: str, *paths: str) -> dict[str, Entry]:
        """All files of a tree, or those at some paths."""
        entries = dict(_parsed(self.output("ls-tree", "-r", "-z", tree, *paths)))
        if odd := [path for path in entries if not is_plain(path)]:
            raise FleetError(
                f"{self.folder} has a path that no working tree can have: {printable(odd[0])}."
            )
        return entries

    @cached_property
    def files(self) -> dict[str, Entry]:
        """The service's committed files."""
        return self.entries(self.tree)

    @cached_property
    def all_files(self) -> dict[str, Entry]:
        """Those of its whole repository."""
        return self.entries(self.root) if self.prefix else self.files

    def placed(self, changes: Mapping[str, Entry | Content | None]) -> dict[str, Any]:
        """Changes to the service as changes to its repository."""
        return {f"{self.prefix}{path}": what for path, what in changes.items()}

    def name(self, content: bytes) -> str:
        """The name that git gives to a file's content."""
        return hashlib.new(self.form, b"blob %d\0" % len(content) + content).hexdigest()

    def content(self, path: str, entry: Entry, largest: int = LARGEST) -> bytes:
        """A file's bytes. Raises FleetError for a link, a submodule and too large a file."""
        if not entry.is_file:
            what = "a link" if entry.mode == LINK else "a submodule"
            raise FleetError(f"{self.folder / path} is {what}: commit a file.")
        if entry.blob not in self.known:
            self.require_small({path: entry}, largest)
        return self.blobs([entry.blob])[entry.blob]

    def prefetch(self, paths: Iterable[str], largest: int) -> None:
        """Read some files at once, as far as they are there and not too large."""
        wanted = {path: self.files[path] for path in paths if path in self.files}
        plain = {path: entry for path, entry in wanted.items() if entry.is_file}
        with suppress(FleetError):
            self.require_small(plain, largest)
            self.blobs(entry.blob for entry in plain.values())

    def require_small(self, entries: Mapping[str, Entry], largest: int = LARGEST) -> None:
        """Raises FleetError for a file that is too large to be read."""
        names = "".join(f"{entry.blob}\n" for entry in entries.values()).encode()
        said = self.output("cat-file", "--batch-check=%(objectsize)", given=names).splitlines()
        for path, size in zip(entries, said, strict=True):
            if size.isdecimal() and int(size) > largest:
                raise FleetError(
                    f"{self.folder / path} has {int(size):,} bytes; more than {largest:,} are not "
                    "read."
                )

    def blobs(self, names: Iterable[str]) -> dict[str, bytes]:
        """The bytes of blobs, by their names."""
        wanted = list(dict.fromkeys(names))
        missing = [name for name in wanted if name not in self.known]
        if missing:
            self.known.update(self._read(missing))
        return {name: self.known[name] for name in wanted}

    def text(self, what: "Entry | Content") -> bytes:
        return what.text if isinstance(what, Content) else self.blobs([what.blob])[what.blob]

    def _read(self, names: list[str]) -> dict[str, bytes]:
        said = os.fsencode(
            self.output("cat-file", "--batch", given="".join(f"{n}\n" for n in names).encode())
        )
        found, place = {}, 0
        for name in names:
            end = said.index(b"\n", place)
            about = said[place:end].split()
            if about[-1] == b"missing":
                raise FleetError(f"{self.folder} lacks the object {name}: run `git fsck` there.")
            size = int(about[2])
            found[name] = said[end + 1 : end + 1 + size]
            place = end + 1 + size + 1
        return found

    def commit_trees(self, commits: "Mapping[str, Tree]") -> None:
        """Make a commit for each name, in order, in the branches of our folder."""
        lines = [part for name, tree in commits.items() for part in _imported(name, tree)]
        self.output("fast-import", "--quiet", "--date-format=raw", given=b"".join(lines))

    def adopt(self, *objects: str) -> None:
        """Copy objects and what they need into the service."""
        wanted = "".join(f"{name}\n" for name in [*objects, f"^{self.head}"])
        packed = self.output("pack-objects", "--revs", "--stdout", "--quiet", given=wanted.encode())
        self.in_service("unpack-objects", "-q", given=os.fsencode(packed))

    def in_service(self, *arguments: str, given: bytes = b"") -> str:
        """What a git command prints that reads or writes references of the service's own."""
        place = {"GIT_DIR": str(self.git_dir)}
        done = git.run(self.own, *arguments, given=given, environment=place)
        if done.returncode:
            raise FleetError(
                f"`git {arguments[0]}` failed for {self.folder}: {git.said(done.stderr)}"
            )
        return done.stdout

    def settings(self) -> dict[str, str]:
        """What the service's and the person's configuration says of author and signature."""
        listed = self.in_service("config", "--list", "-z").split("\0")
        pairs = (entry.partition("\n") for entry in listed if entry)
        wanted = ("user.", "author.", "committer.", "commit.gpgsign", "gpg.format")
        return {key: value for key, _, value in pairs if key.startswith(wanted)}


@contextmanager
def open_repository(folder: Path) -> Iterator[Repository]:
    """The repository of a service, until the block ends. Raises FleetError if git refuses it."""
    asked = ("--show-object-format", "--path-format=absolute", "--git-dir", "--git-path", "objects")
    commits = ("HEAD^{commit}", "HEAD^{tree}", "HEAD:./")
    said = git.run(folder, "rev-parse", *asked, "--git-path", "shallow", "--show-prefix", *commits)
    if said.returncode:
        raise FleetError(_refusal(folder, said.stderr))
    lines = said.stdout.removesuffix("\n").split("\n")
    if len(lines) != 8:
        raise FleetError(f"The path of {str(folder)!r} has a line break: rename the folder.")
    form, git_dir, objects, shallow, prefix, head, root, tree = lines
    with TemporaryDirectory(prefix="repository-") as scratch:
        own = Path(scratch)
        _prepare(own, form, Path(shallow))
        repository = Repository(folder, Path(git_dir), prefix, head, root, tree, form, own)
        repository.borrow(Path(objects))
        _fetch_what_is_missing(repository, Path(objects))
        yield repository


def require_repository(folder: Path) -> None:
    """Raises FleetError unless the folder is in a repository that git reads."""
    found = git.run(folder, "rev-parse", "--git-dir")
    if found.returncode:
        raise FleetError(_refusal(folder, found.stderr))


def _prepare(own: Path, form: str, shallow: Path) -> None:
    """What `git init` makes, but for files that nobody asks for."""
    for name in ("objects/info", "objects/pack", "refs/heads", "attributes"):
        (own / name).mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/main\n")
    (own / "config").write_text(
        "[core]\n\trepositoryFormatVersion = 1\n\tbare = false\n"
        f"[extensions]\n\tobjectFormat = {form}\n"
    )
    if shallow.is_file():
        (own / "shallow").write_bytes(shallow.read_bytes())


def _fetch_what_is_missing(repository: Repository, objects: Path) -> None:
    """A partial clone fetches what it lacks from its remote: let ours do so too."""
    if not any((objects / "pack").glob("*.promisor")):
        return
    wanted = r"^(remote\..*\.(url|promisor|partialclonefilter)|extensions\.partialclone)$"
    listed = repository.in_service("config", "-z", "--get-regexp", wanted).split("\0")
    for entry in listed:
        key, _, value = entry.partition("\n")
        if key:
            repository.output("config", key, value)


def _imported(name: str, tree: Tree) -> Iterator[bytes]:
    """As git-fast-import(1) reads it."""
    yield f"commit refs/heads/{name}\ncommitter {NOBODY} 0 +0000\ndata 0\n".encode()
    if tree.parent:
        yield f"from refs/heads/{tree.parent}\ndeleteall\n".encode()
    if tree.start:
        yield f'M {FOLDER} {tree.start} "{_quoted(tree.place)}"\n'.encode()
    for path, what in tree.changes.items():
        quoted = f'"{_quoted(path)}"'
        if what is None:
            yield f"D {quoted}\n".encode()
        elif isinstance(what, Entry):
            yield f"M {what.mode} {what.blob} {quoted}\n".encode()
        else:
            yield f"M {what.mode} inline {quoted}\ndata {len(what.text)}\n".encode()
            yield what.text + b"\n"
    yield b"\n"


def _refusal(folder: Path, stderr: str) -> str:
    if "not a git repository" in stderr:
        return f"{folder} is not in a git repository: run `git init` and commit it."
    if "dubious ownership" in stderr:
        return (
            f"The repository of {folder} belongs to somebody else: if you trust it, run "
            "`git config --global --add safe.directory <its folder>`."
        )
    if "HEAD" in stderr and ("unknown revision" in stderr or "not in 'HEAD'" in stderr):
        return f"{folder} has no commit yet: commit it first."
    return f"git does not read the repository of {folder}: {git.said(stderr)}"


def is_plain(path: str) -> bool:
    """Whether a path stays in its folder and out of git's own."""
    parts = path.split("/")
    ours = {part.rstrip(". ").lower() for part in parts}
    return not ({"", ".", ".."} & {*parts} or {".git", "git~1"} & ours or "\0" in path)


def _parsed(listed: str) -> Iterator[tuple[str, Entry]]:
    for line in listed.split("\0"):
        about, _, path = line.partition("\t")
        if path:
            mode, _, blob = about.split()
            yield path, Entry(mode, blob)


def _quoted(path: str) -> str:
    """As git quotes a path in a file of its own."""
    return "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\' else f"\\{byte:03o}"
        for byte in os.fsencode(path)
    )

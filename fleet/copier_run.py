"""Renders a version of a template in memory, by copier's own rules, without running its code.

Copier reads a plain folder of ours, asks git nothing, and writes nothing. A file without variables
is not rendered: it is the template's own blob, the same for all services.
"""

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

from copier._jinja_ext import get_yield_context
from copier._main import Worker
from copier._settings import SettingsModel
from copier._template import Template as CopierTemplate

from fleet.errors import FleetError
from fleet.output import printable
from fleet.plain import File, Plain, Wanted, everything
from fleet.repository import LINK, is_plain

REFUSED = re.compile(r"(?:Validation error for question|Invalid choice for) '(.+?)': (.*)")
# Paths without Jinja and without special characters of .gitignore.
PLAIN = re.compile(r"[\w./-]+")
MOST_FILES = 20_000


def render(
    plain: Plain, answers: Mapping[str, Any], name: str, wanted: Wanted = everything
) -> dict[str, File]:
    """The files that `copier copy` writes into a folder of that name, by path.

    Files that are not wanted are left out. Raises FleetError if the version refuses an answer,
    needs to run code, or writes out of the service.
    """
    destination = plain.folder.with_name(f"{plain.folder.name}-nowhere") / name
    worker = _Worker(
        src_path=str(plain.folder),
        dst_path=destination,
        data=dict(answers),
        vcs_ref=plain.commit,
        settings=SettingsModel(),  # ignore the user's own, which may trust or answer
        cleanup_on_error=False,
        defaults=True,
        quiet=True,
    )
    worker.__dict__.update(plain=plain, wanted=wanted, rendered={}, template=_template(plain))
    worker.__dict__["jinja_env"] = _environment(plain)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            worker.run_copy()
    except FleetError:
        raise
    except Exception as error:
        refusal = _refusal(answers, " ".join(str(error).split()) or type(error).__name__)
        raise FleetError(f"Version {plain.description} of the template {refusal}") from error
    return worker.rendered


class _Worker(Worker):
    """Copier's own, with another way to find files and to keep what they render to."""

    plain: Plain
    wanted: Wanted
    rendered: dict[str, File]

    def _render_template(self) -> None:
        root = self.template_copy_root.relative_to(self.template.local_abspath).as_posix()
        below = "" if root == "." else f"{root}/"
        suffix = self.template.templates_suffix
        for path, file in _sources(self.plain, below, self.template.preserve_symlinks):
            relative = path.removeprefix(below)
            if PLAIN.fullmatch(relative) and suffix and not relative.endswith(suffix):
                if f"{path}{suffix}" not in self.plain.files:
                    self._keep(relative, path, file)
                continue
            for destination, context in self._render_path(Path(relative)):
                self._keep(destination.as_posix(), path, file, context or {})

    def _keep(
        self, path: str, source: str, file: File, context: dict[str, Any] | None = None
    ) -> None:
        """Without a context, the file is as it is in the template."""
        _require_inside(path, self.plain)
        if self.match_exclude(Path(path)) or not self.wanted(path):
            return
        if len(self.rendered) >= MOST_FILES:
            raise FleetError(
                f"Version {self.plain.description} of the template writes more than "
                f"{MOST_FILES} files."
            )
        self.rendered[path] = file if context is None else self._rendered(source, file, context)

    def _rendered(self, path: str, file: File, context: dict[str, Any]) -> File:
        if not path.endswith(self.template.templates_suffix):
            return file
        if file.mode == LINK:
            target = (self.plain.folder / path).readlink().as_posix()
            return File(LINK, content=self._render_string(target).encode())
        try:
            _reset(self.jinja_env)
            template = self.jinja_env.get_template(path)
        except UnicodeDecodeError:
            if self.template.templates_suffix:
                raise
            return file
        text = template.render(**self._render_context(), **context)
        if get_yield_context(self.jinja_env).yield_name:
            raise FleetError(f"{path} of the template has a yield tag, which only names may have.")
        return File(file.mode, content=text.encode())

    def _render_context(self) -> Any:
        """A file may print the template's place, which is a temporary folder here."""
        context = super()._render_context()
        context["_copier_conf"]["src_path"] = PurePath(self.plain.address)
        context["_copier_conf"]["dst_path"] = PurePath(self.dst_path.name)
        return context


def _sources(plain: Plain, below: str, preserves_links: bool) -> Iterator[tuple[str, File]]:
    """Each file below a folder. A link counts as what it leads to, unless links are preserved."""
    for path, file in plain.files.items():
        if not path.startswith(below):
            continue
        place = plain.folder / path
        if file.mode != LINK or preserves_links:
            yield path, file
        elif place.is_dir():
            for child in sorted(place.rglob("*")):
                if child.is_file():
                    mode = "100755" if child.stat().st_mode & 0o100 else "100644"
                    inner = child.relative_to(plain.folder).as_posix()
                    yield inner, File(mode, content=child.read_bytes())
        elif place.is_file():
            target = place.resolve().relative_to(plain.folder.resolve()).as_posix()
            yield path, plain.files[target]


def _require_inside(path: str, plain: Plain) -> None:
    if not is_plain(path):
        raise FleetError(
            f"Version {plain.description} of the template writes {printable(path)}, which is not "
            "in the service, or is git's own."
        )


@lru_cache(maxsize=16)
def _templates(folder: Path) -> dict[str, Any]:
    """What renders of one folder share: the settings as read, and Jinja's environment."""
    return {}


def _template(plain: Plain) -> CopierTemplate:
    shared = _templates(plain.folder)
    if "template" not in shared:
        template = CopierTemplate(url=plain.address, ref=plain.commit)
        template.__dict__.update(
            local_abspath=plain.folder.resolve(),
            vcs=None,
            commit=plain.description,
            commit_hash=plain.commit,
            version=None,
            git_index_modes={},
        )
        shared["template"] = template
    found: CopierTemplate = shared["template"]
    return found


def _environment(plain: Plain) -> Any:
    """Jinja's environment, which keeps what it compiled."""
    shared = _templates(plain.folder)
    if "environment" not in shared:
        worker = Worker(src_path=str(plain.folder), settings=SettingsModel(), quiet=True)
        worker.__dict__["template"] = _template(plain)
        if worker.template.jinja_extensions:
            raise FleetError(
                f"Version {plain.description} of the template needs code of its own "
                "(_jinja_extensions), which fleet does not run."
            )
        environment = worker.jinja_env
        compiled = lru_cache(maxsize=4096)(environment.from_string)

        def from_string(source: str) -> Any:
            _reset(environment)
            return compiled(source)

        environment.from_string = from_string  # type: ignore[method-assign, assignment]
        shared["environment"] = environment
    return shared["environment"]


def _reset(environment: Any) -> None:
    """Copier forgets a yield tag whenever it compiles; what is compiled already has to as well."""
    context = get_yield_context(environment)
    context.yield_name = context.yield_iterable = None


def _refusal(answers: Mapping[str, Any], reason: str) -> str:
    """Copier's own words, with the value if they name a question."""
    if "unsafe" in reason:
        return "needs to run code of its own, which fleet never does: " + reason.partition(".")[0]
    found = REFUSED.match(reason)
    if not found or found[1] not in answers:
        return f"does not render with these answers: {reason}"
    value = json.dumps(answers[found[1]], ensure_ascii=False, default=str)
    return f"refuses the answer {found[1]} = {value}: {found[2]}"

"""Runs git with an environment and a configuration of our own.

Repositories come from strangers, and git runs what a configuration names: hooks, filters, monitors,
pagers, programs that sign. So what a repository configures is overridden, the system's and the
person's own configuration count only where they reach a remote, name the author or sign, and no
variable of git's is inherited but those that do the same.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from fleet.errors import FleetError
from fleet.output import printable
from fleet.temporary import of_process

# Other variables are kept: a person's credential helper may read any of them.
KEPT = re.compile(
    r"GIT_(ASKPASS|SSH|SSH_COMMAND|SSH_VARIANT|SSL_\w+|PROXY_SSL_\w+|HTTP_\w+|ALLOW_PROTOCOL"
    r"|(AUTHOR|COMMITTER)_(NAME|EMAIL|DATE))"
)
CONFIGURED = re.compile(r"GIT_CONFIG_\w+")
ALWAYS = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",  # `git status` leaves a service's index unchanged
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "LC_ALL": "C",
}
PERSONAL = re.compile(
    r"(http|credential|url|user|author|committer|gpg)\."
    r"|(ssh\.variant|core\.(sshcommand|askpass|gitproxy|excludesfile|autocrlf|eol)"
    r"|commit\.gpgsign|safe\.directory|merge\.(conflictstyle|renamelimit)|protocol\..*)$"
)
"""What counts of a person's own configuration, and of the system's."""
OVERRIDDEN = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.attributesFile": os.devnull,
    "core.editor": "false",
    "core.pager": "cat",
    "gc.auto": "0",
    "log.showSignature": "false",
    "maintenance.auto": "false",
    "merge.directoryRenames": "false",
    "protocol.ext.allow": "never",
    "safe.bareRepository": "explicit",
    "submodule.recurse": "false",
}
"""What no configuration changes, a repository's least of all."""
PROGRAMS = ("gpg.program", "gpg.openpgp.program", "gpg.x509.program", "gpg.ssh.program")
"""Run to sign; only those of the person's own configuration."""
OLDEST = (2, 38)
HINTS = ("hint:", "warning:")


def run(
    folder: Path, *arguments: str, given: bytes = b"", environment: Mapping[str, str] = {}
) -> subprocess.CompletedProcess[str]:
    """Run a git command. Returns the result of a failed one too.

    Names that are not UTF-8 come with surrogates, as in `os.fsdecode`.
    """
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**variables(), **environment},
        input=given,
        capture_output=True,
        check=False,
    )
    said = (os.fsdecode(done.stdout), os.fsdecode(done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, *said)


def output(
    folder: Path, *arguments: str, given: bytes = b"", environment: Mapping[str, str] = {}
) -> str:
    """What a git command prints. Raises FleetError with what git says if it fails."""
    result = run(folder, *arguments, given=given, environment=environment)
    if result.returncode:
        raise FleetError(f"`git {arguments[0]}` failed in {folder}: {said(result.stderr)}")
    return result.stdout


def blob(folder: Path, name: str) -> bytes:
    """The bytes of a file in a repository."""
    return os.fsencode(output(folder, "cat-file", "blob", name))


def root(folder: Path) -> str:
    """The root of the repository that contains a folder."""
    return output(folder, "rev-parse", "--show-toplevel").removesuffix("\n")


def paths(folder: Path, *arguments: str) -> list[str]:
    """The paths that a git command prints with -z, which quotes none."""
    return [path for path in output(folder, *arguments).split("\0") if path]


def one_line(text: str) -> str:
    return " ".join(text.split())


def as_person(
    folder: Path, *arguments: str, given: bytes = b""
) -> subprocess.CompletedProcess[str]:
    """Run a git command as the person who calls us would: their settings, hooks and filters apply.
    Only for the folder that they stand in."""
    inherited = _inherited(re.compile(f"{KEPT.pattern}|{CONFIGURED.pattern}"))
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=inherited | quiet,
        input=given,
        capture_output=True,
        check=False,
    )
    said = (os.fsdecode(done.stdout), os.fsdecode(done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, *said)


def said(text: str) -> str:
    """All of git's message but for its hints, in one line."""
    lines = [line.strip() for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith(HINTS)] or lines
    return printable(" ".join(line for line in told if line))[:1000] or "nothing"


@cache
def variables() -> Mapping[str, str]:
    """The environment of every git command."""
    _require_version()
    kept = _inherited(KEPT)
    personal = _personal()
    overridden = OVERRIDDEN | {
        program: personal.get(program, [""])[-1] or program_of_git(program) for program in PROGRAMS
    }
    pairs = {"GIT_CONFIG_COUNT": str(len(overridden))}
    for number, (key, value) in enumerate(overridden.items()):
        pairs |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return kept | ALWAYS | pairs | {"GIT_CONFIG_GLOBAL": str(_written(personal, overridden))}


def program_of_git(setting: str) -> str:
    """git's own default, since an empty program is run too."""
    return {"gpg.x509.program": "gpgsm", "gpg.ssh.program": "ssh-keygen"}.get(setting, "gpg")


def _require_version() -> None:
    """Older ones neither merge in memory nor refuse a bare repository inside another."""
    try:
        told = subprocess.run(["git", "version"], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise FleetError("There is no git: install git 2.38 or newer.") from error
    found = re.search(r"(\d+)\.(\d+)", told.stdout)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        raise FleetError(f"git {found[0]} is too old: fleet takes git 2.38 or newer.")


def _inherited(kept: re.Pattern[str]) -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or kept.fullmatch(name)
    }


def _personal() -> dict[str, list[str]]:
    """The values of each setting that counts, of the system's and the person's configuration."""
    listed = subprocess.run(
        ["git", "config", "--list", "--includes", "-z"],
        cwd="/",  # in no repository
        env=_inherited(CONFIGURED),
        capture_output=True,
        check=False,
    )
    found: dict[str, list[str]] = {}
    for entry in os.fsdecode(listed.stdout).split("\0"):
        key, _, value = entry.partition("\n")
        if PERSONAL.match(key):
            found.setdefault(key, []).append(value)
    return found


def _written(personal: Mapping[str, list[str]], overridden: Mapping[str, str]) -> Path:
    """The configuration as a file: the git at the other end of a local clone reads it too."""
    file = Path(mkdtemp(prefix="git-", dir=of_process())) / "config"
    lines = [_setting(key, value) for key, values in personal.items() for value in values]
    lines += [_setting(key, value) for key, value in overridden.items()]
    file.write_text("".join(lines), encoding="utf-8", errors="surrogateescape")
    return file


def _setting(key: str, value: str) -> str:
    section, _, rest = key.partition(".")
    below, _, name = rest.rpartition(".")
    title = f'[{section} "{_escaped(below)}"]' if below else f"[{section}]"
    return f'{title}\n\t{name} = "{_escaped(value)}"\n'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

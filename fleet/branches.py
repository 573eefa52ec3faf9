"""The branches that updates are committed to, and what their commits record.

Trailers record conflicts and failed checks, since not every conflict leaves markers in a file. They
count while their commit is the branch's last: a later commit has resolved them.
"""

from pathlib import Path

import yaml

from fleet import git
from fleet.service import ANSWERS_FILE, Service
from fleet.template import Template

CONFLICT = "Template-Conflict"
FAILURE = "Template-Checks-Failed"
MARKERS = "^(<{7}|>{7}) "


def name(service: Service, template: Template, to: str = "") -> str:
    """`template-update/<version>`; in a repository of several services, `<folder>/<version>`."""
    return f"template-update/{service.prefix}{template.describe(to or template.newest)}"


def exists(service: Service, branch: str) -> bool:
    head = ("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")
    return git.run(service.folder, *head).returncode == 0


def version(service: Service, branch: str) -> str:
    """The template's version in a branch's answers file; empty if it records none."""
    text = git.run(service.folder, "show", f"{branch}:{service.prefix}{ANSWERS_FILE}").stdout
    try:
        recorded = yaml.safe_load(text)
    except yaml.YAMLError:
        return ""
    return str(recorded.get("_commit", "")) if isinstance(recorded, dict) else ""


def conflicts(service: Service, branch: str) -> dict[str, str]:
    """Why each path could not be merged; without trailers, the files with conflict markers."""
    recorded = dict(line.rsplit(": ", 1) for line in _trailers(service, branch, CONFLICT))
    return recorded or dict.fromkeys(_marked(service, branch), "has conflict markers")


def failure(service: Service, branch: str) -> str:
    """How the checks failed; empty if they passed or did not run."""
    return "".join(_trailers(service, branch, FAILURE))


def write_patch(service: Service, branch: str, file: Path) -> None:
    """Write the commits that the branch adds to the service's HEAD, for `git am`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = git.output(service.folder, "format-patch", "--stdout", f"HEAD..{branch}")
    file.write_text(text, encoding="utf-8")


def _trailers(service: Service, branch: str, key: str) -> list[str]:
    form = f"--format=%(trailers:key={key},valueonly,unfold)"
    values = git.output(service.folder, "log", "--max-count=1", form, branch)
    return [line for line in values.splitlines() if line]


def _marked(service: Service, branch: str) -> list[str]:
    changed = git.paths(service.folder, "diff", "--name-only", "-z", f"HEAD...{branch}")
    top = [f":(top,literal){path}" for path in changed]
    search = ("grep", "--files-with-matches", "-z", "--extended-regexp", MARKERS, branch, "--")
    found = git.run(service.folder, *search, *top).stdout if top else ""
    return [path.removeprefix(f"{branch}:") for path in found.split("\0") if path]

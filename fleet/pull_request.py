"""The text of an update, for the terminal and for a pull request."""

from collections.abc import Iterable

from fleet.output import printable
from fleet.ownership import Owner
from fleet.update import Update

HEADINGS = {
    Owner.TEMPLATE: "Changed in the template's files",
    Owner.SHARED: "Changed in shared files",
    Owner.SERVICE: "Changed in other files",
}


CONFLICTS = (
    "**There are conflicts**, committed with their markers, so checks fail. Check out this branch, "
    "resolve them, and push."
)
LEFT_OUT = """\
**Not on this branch:** the template's changes below {folder}/, because the job's token may not push
them. Save this as update.patch, and run `git apply --3way update.patch` on this branch:

{fence}diff
{patch}{fence}"""


def subject(update: Update) -> str:
    return f"Update the template from {update.before} to {update.after}"


def summary(update: Update) -> str:
    """Sections of plain text that is also Markdown; empty ones are left out."""
    parts = [
        listed("Conflicts", _reasons(update.conflicts)),
        *(listed(title, update.changed.get(owner, [])) for owner, title in HEADINGS.items()),
        listed(
            "Files of the template that you had changed",
            (f"{path}: additions belong in {place}" for path, place in update.edited.items()),
        ),
        told(update),
        f"# What is new\n\n{update.changelog}" if update.changelog else "",
    ]
    return "\n\n".join(part for part in parts if part)


def told(update: Update) -> str:
    """The update's changes to the service's own files, and the steps left to people."""
    files = [(printable(file.path), file) for file in update.carried]
    parts = [
        listed("Changed in the template, still deleted here", update.left_deleted),
        listed(
            "Rewritten for names that the template moved",
            (
                f"{path}: {old} -> {new}"
                for path, file in files
                for old, new in file.changes.items()
            ),
        ),
        listed(
            "Left to you: not safe to rewrite",
            (f"{path}:{left.line}: {left.reason}" for path, file in files for left in file.left),
        ),
        listed("Edited by you, now the service's own, and not updated", update.own),
        f"# To do by hand\n\n{update.recipes}" if update.recipes else "",
    ]
    return "\n\n".join(part for part in parts if part)


def text(update: Update, *, patch: str, left_out: str, lock: bool) -> str:
    """The text of a pull request in Markdown."""
    parts = [
        f"{subject(update)}.",
        "" if not update.conflicts else CONFLICTS,
        "" if not patch else LEFT_OUT.format(folder=left_out, patch=patch, fence=_fence(patch)),
        "" if lock else "uv.lock is out of date: run `make lock` on this branch.",
        summary(update),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _reasons(conflicts: dict[str, str]) -> Iterable[str]:
    return (f"{path}: {reason}" for path, reason in conflicts.items())


def listed(title: str, lines: Iterable[str]) -> str:
    """A section with one bullet per line; empty without lines."""
    text = "\n".join(f"- {line}" for line in lines)
    return f"# {title}\n\n{text}" if text else ""


def _fence(text: str) -> str:
    """A Markdown fence that the text does not contain."""
    fence = "```"
    while fence in text:
        fence += "`"
    return fence

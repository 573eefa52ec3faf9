"""Answers from an organization's file and from the command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from fleet.errors import FleetError
from fleet.template import Template


def read(file: Path) -> dict[str, Any]:
    """The answers in a file. Raises FleetError unless it is a YAML mapping."""
    try:
        answers = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise FleetError(f"{file} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise FleetError(f"{file} is not valid YAML: {reason}.") from error
    if not isinstance(answers, dict) or not answers:
        raise FleetError(f"{file} has no answers: write a line `question: answer` for each.")
    return answers


def chosen(
    template: Template, version: str, file: Path | None, texts: Mapping[str, str]
) -> dict[str, Any]:
    """A preset's answers, overridden by the command line's. Raises FleetError for an answer that
    no question of the version takes."""
    return combined(template, version, read(file) if file else {}, texts)


def combined(
    template: Template, version: str, data: Mapping[str, Any], texts: Mapping[str, str]
) -> dict[str, Any]:
    """Answers from a file, overridden by the command line's, as `chosen` takes them."""
    if not (data or texts):
        return {}
    questions = template.questions(version)
    answers = {**data, **questions.read(texts)}
    questions.require(answers)
    return answers


def check(template: Template, version: str, file: Path) -> dict[str, Any]:
    """A preset's answers, after a trial render with them alone that writes nothing.

    Raises FleetError that names the question and the refused value.
    """
    answers = chosen(template, version, file, {})
    template.render(version, answers, "service")
    return answers

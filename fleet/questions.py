"""The questions of a template's version, and the answers that they take.

Copier ignores answers to unknown questions and coerces others: 8000.7 becomes 8000, and any text
becomes true. Here they are refused by name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from fleet.errors import FleetError

TEXT = "text, in quotes where YAML would read another type"
TAKES: dict[str, tuple[str, set[type]]] = {
    "bool": ("true or false", {bool}),
    "float": ("a number", {float, int}),
    "int": ("a whole number", {int}),
    "path": (TEXT, {str}),
    "str": (TEXT, {str}),
}
"""What a type takes, in words and in Python; other types take anything."""


@dataclass(frozen=True)
class Questions:
    version: str
    details: dict[str, Any]
    """Each question as copier.yml has it."""

    @classmethod
    def parse(cls, version: str, text: str) -> "Questions":
        """Raises FleetError for a copier.yml that cannot be read."""
        try:
            documents = [document for document in yaml.safe_load_all(text) if document]
            merged = {name: detail for each in documents for name, detail in each.items()}
        except (yaml.YAMLError, AttributeError) as error:
            reason = " ".join(str(error).split())
            raise FleetError(
                f"copier.yml of version {version} cannot be read: {reason}."
            ) from error
        own = {name: detail for name, detail in merged.items() if not name.startswith("_")}
        return cls(version, own)

    def read(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """Answers from a command line: YAML, except where a question takes text."""
        return {
            name: text if self._type(name) in {"str", "path"} else _yaml(name, text)
            for name, text in texts.items()
        }

    def require(self, answers: Mapping[str, Any]) -> None:
        """Raises FleetError for an answer that no question takes. A render checks choices and
        validators."""
        if own := [str(name) for name in answers if str(name).startswith("_")]:
            raise FleetError(f"{', '.join(own)} is copier's own, not an answer.")
        if unknown := sorted(str(name) for name in answers if name not in self.details):
            raise FleetError(
                f"Version {self.version} of the template does not ask {', '.join(unknown)}. "
                f"Its questions: {', '.join(sorted(self.details))}."
            )
        for name, value in answers.items():
            if isinstance(self.details[name], dict) and self.details[name].get("when") is False:
                raise FleetError(f"The template computes {name}: it takes no answer.")
            self._require_type(name, value)

    def _require_type(self, name: str, value: Any) -> None:
        detail, kind = self.details[name], self._type(name)
        many = isinstance(detail, dict) and detail.get("multiselect")
        if many and not isinstance(value, list):
            raise FleetError(f"{name} takes a list, not {_shown(value)}.")
        for item in value if many else [value]:
            if kind in TAKES and type(item) not in TAKES[kind][1]:
                raise FleetError(f"{name} takes {TAKES[kind][0]}, not {_shown(item)}.")

    def _type(self, name: str) -> str:
        """As copier infers it: from the type, else from the default; YAML without either."""
        detail = self.details.get(name)
        if not isinstance(detail, dict):
            return type(detail).__name__
        return str(detail.get("type") or type(detail.get("default")).__name__)


def _yaml(name: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise FleetError(f"The answer {name}={text} is not valid YAML: {reason}.") from error


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)

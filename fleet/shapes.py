"""What a policy demands of a service's files: that they are there, and what their YAML holds."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import yaml

from fleet.errors import FleetError
from fleet.repository import Repository
from fleet.service import LARGEST

Shapes = Mapping[str, Mapping[str, Any]]
"""What a document of each file has to hold, by path: nothing more than to be there, if empty."""
NO_SHAPES: Shapes = MappingProxyType({})


def unmet(repository: Repository, shapes: Shapes) -> dict[str, str]:
    """What is wrong with each committed file that is not as demanded, by path."""
    found = {path: _fault(repository, path, shape) for path, shape in shapes.items()}
    return {path: fault for path, fault in found.items() if fault}


def _fault(repository: Repository, path: str, shape: Mapping[str, Any]) -> str:
    if path not in repository.files:
        return "is missing"
    if not shape:
        return ""
    try:
        text = repository.content(path, repository.files[path], LARGEST).decode()
        documents = [document or {} for document in yaml.safe_load_all(text)] or [{}]
        lacking = [lack(shape, document) for document in documents]
    except FleetError as error:
        return f"cannot be read ({str(error).rstrip('.')})"
    except Exception as error:  # a stranger's YAML: PyYAML raises what Python does
        return f"is not valid YAML ({' '.join(str(error).split())[:300]})"
    return "" if "" in lacking else f"lacks {lacking[0]}"


def lack(demanded: Any, found: Any, place: str = "") -> str:
    """The first demand that a value does not fulfil, as `place: value`; empty if it fulfils all.

    A mapping has to have each key, a list to hold each element; there may be more.
    """
    if isinstance(demanded, Mapping) and isinstance(found, Mapping):
        inside = (
            lack(value, found.get(key), f"{place}.{key}".removeprefix("."))
            for key, value in demanded.items()
        )
        return next(filter(None, inside), "")
    if isinstance(demanded, list) and isinstance(found, list):
        missing = (one for one in demanded if all(lack(one, other, place) for other in found))
        return next((_told(place, one) for one in missing), "")
    same = type(demanded) is type(found) and demanded == found  # in Python, 1 == True
    return "" if same else _told(place, demanded)


def _told(place: str, value: Any) -> str:
    return f"{place}: {json.dumps(value, ensure_ascii=False, default=str)}"

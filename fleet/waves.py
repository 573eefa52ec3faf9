"""Waves: services that are updated together, listed in a TOML file.

[waves]
canary = ["../payments"]
rest = ["../orders", "../lamps"]
"""

from pathlib import Path
from typing import Any

from fleet import toml_file
from fleet.errors import FleetError


def wave(file: Path, name: str) -> list[Path]:
    """The folders of a wave; the file's paths are relative to it. Raises FleetError."""
    waves = _waves(file)
    known = ", ".join(waves)
    if not name:
        raise FleetError(f"Name a wave of {file} with --wave. Its waves: {known}.")
    if name not in waves:
        raise FleetError(f"{file} has no wave {name}. Its waves: {known}.")
    folders = waves[name]
    if not isinstance(folders, list) or not all(isinstance(path, str) and path for path in folders):
        raise FleetError(f'The wave {name} of {file} must be a list, such as ["../lamps"].')
    return [file.parent / folder for folder in folders]


def _waves(file: Path) -> dict[str, Any]:
    waves = toml_file.toml(file).get("waves")
    if not isinstance(waves, dict) or not waves:
        raise FleetError(f'{file} has no waves: write [waves] and canary = ["../lamps"].')
    return waves

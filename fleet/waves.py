"""Waves: which services are updated together, in a file of TOML.

[waves]
canary = ["../payments"]
rest = ["../orders", "../lamps"]
"""

from pathlib import Path
from typing import Any

from fleet import settings
from fleet.errors import FleetError


def wave(file: Path, name: str) -> list[Path]:
    """The folders of a wave, which the file gives relative to itself. Raises FleetError."""
    waves = _waves(file)
    known = ", ".join(waves)
    if not name:
        raise FleetError(f"Name a wave of {file} with --wave. Its waves: {known}.")
    if name not in waves:
        raise FleetError(f"{file} has no wave {name}. Its waves: {known}.")
    folders = waves[name]
    if not isinstance(folders, list) or not all(isinstance(it, str) and it for it in folders):
        raise FleetError(f'The wave {name} of {file} is no list of folders, such as ["../lamps"].')
    return [file.parent / folder for folder in folders]


def _waves(file: Path) -> dict[str, Any]:
    waves = settings.toml(file).get("waves")
    if not isinstance(waves, dict) or not waves:
        raise FleetError(f'{file} names no waves: write [waves] and canary = ["../lamps"].')
    return waves

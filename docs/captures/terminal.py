"""What a terminal shows: commands and their output, made the same in each run."""

import io
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

UUID = "0b0d3dfb-6d6c-4a53-a5f8-0a1f1d9f9a3e"
REQUEST_ID = "3f1c5c7bb4a44a6f9e9a3a1d4b8c2f10"
MOMENT = "2026-11-22T09:00:00.000000Z"
WIDTH = 88

# What differs between two runs, and what stands for it. Each has the length of what it replaces.
SAME = {
    r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b": UUID,
    r"\b[0-9a-f]{32}\b": REQUEST_ID,
    r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z": MOMENT,
    r"│ \d{4}-\d\d-\d\d │": "│ 2026-11-22 │",
    r"(│ up to date │) \d\.\d": r"\1 0.0",
    r"(│ (updated   |conflicts ) │) \d\.\d": r"\1 0.3",
}

# rich's own has fonts of another site: a picture in a README may load nothing.
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px Menlo, Consolas, monospace }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def run(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    """A command and what it prints, as a terminal shows them."""
    result = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return same(f"$ {command}\n{result.stdout.rstrip()}\n")


def same(text: str) -> str:
    """The text without what the next run would print otherwise: ids, times."""
    for pattern, instead in SAME.items():
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    return text


def svg(text: str, title: str) -> str:
    """A picture of a terminal: commands in bold, their output plain."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    for line in text.splitlines():
        console.print(Text(line, style="bold" if line.startswith("$ ") else ""))
    drawn = console.export_svg(title=title, code_format=SVG, unique_id="terminal")
    return "".join(f"{line.rstrip()}\n" for line in drawn.splitlines())

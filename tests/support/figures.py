"""What the campaigns have measured: one line each, and a file of them where FIGURES names one."""

import json
import os
import re
from pathlib import Path

size = "small"  # or full: tests/conftest.py


def figure(campaign: str, **values: float | str) -> None:
    """Print a campaign's result (`pytest -rP` shows it), and keep it with the name of its test."""
    if through := re.findall(r"\[.*?(PgBouncer [\d.]+)", os.environ["PYTEST_CURRENT_TEST"]):
        campaign += f", {through[0]}"
    shown = {name: round(v, 3) if isinstance(v, float) else v for name, v in values.items()}
    listed = ", ".join(f"{name} {value}" for name, value in shown.items())
    print(f"FIGURE {campaign}: {listed}")  # noqa: T201
    if file := os.environ.get("FIGURES"):
        [test] = re.findall(r"::(test_\w+)", os.environ["PYTEST_CURRENT_TEST"])
        kept = {"test": test, "campaign": campaign, "size": size, "values": shown}
        with Path(file).open("a") as lines:
            lines.write(json.dumps(kept) + "\n")

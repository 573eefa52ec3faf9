"""Requests that schemathesis makes from a service's own OpenAPI document."""

import os
import subprocess
import sys
from pathlib import Path

# JSON text may contain NUL at any depth, Postgres's jsonb may not, and JSON Schema has no word for
# it: such a body is answered 422. Without NUL, nothing that the document allows may be refused.
WITH_NUL = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "404", "409", "412", "422"]
"""
WITHOUT_NUL = """
[generation]
allow-x00 = false

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "404", "409", "412"]
"""
HOOKS = Path(__file__).with_name("fuzzing_hooks.py")


def fuzz(url: str, folder: Path, configuration: str, *more: str, examples: int, seed: int) -> None:
    """Fail with what schemathesis has found, all of its checks on."""
    file = folder / "schemathesis.toml"
    file.write_text(configuration)
    command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={file}", "run"]
    options = ["--checks=all", f"--max-examples={examples}", f"--seed={seed}", "--no-color"]
    result = subprocess.run(
        [*command, *options, *more, "--continue-on-failure", f"{url}/openapi.json"],
        cwd=folder,
        env=os.environ | {"SCHEMATHESIS_HOOKS": HOOKS.stem, "PYTHONPATH": str(HOOKS.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr

"""What a decision shows by code is still so."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.services import ROOT, Environment

DECISION = ROOT / "docs" / "decisions" / "0017-a-pool-that-serves-in-order.md"
CURED = "first, second, third, newcomer\n0 s\n"


@pytest.fixture
def run(render: Callable[..., Path], environment: Environment) -> Callable[[str], str]:
    """`run(code)` is what it prints in a service."""

    def run(code: str) -> str:
        python = environment.folder / "bin" / "python"
        return subprocess.run(
            [python, "-c", code], cwd=render(), capture_output=True, text=True, check=True
        ).stdout

    return run


@pytest.mark.slow
def test_sqlalchemys_own_pool_still_serves_out_of_order_and_ours_does_not(
    run: Callable[[str], str],
) -> None:
    text = DECISION.read_text()
    [code], [printed] = (
        re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("python", "text")
    )
    ours = code.replace(
        "from sqlalchemy.pool import AsyncAdaptedQueuePool",
        "from app.core.postgres.pool import FairPool as AsyncAdaptedQueuePool",
    )

    assert run(code) == printed, (
        "SQLAlchemy's pool behaves differently now. If it serves in order, FairPool can go."
    )
    assert run(ours) == CURED

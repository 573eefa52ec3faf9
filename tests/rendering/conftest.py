"""Every test below is run for every combination of answers that it asks for."""

import shutil
from pathlib import Path

import pytest

from tests.rendering.combinations import (
    COMBINATIONS,
    QUICK,
    Render,
)
from tests.support import services
from tests.support.shared import Shared


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
        for name in COMBINATIONS
    ],
)
def combination(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def render(template: Path, shared: Shared) -> Render:
    """As the fixture of that name, from a folder that is no repository: copier prints nothing."""
    plain = shared.folder("plain", lambda place: copy_without_history(template, place))

    def render(**answers: object) -> Path:
        return shared.render(
            "plain", answers, lambda place: services.render(plain, place, **answers)
        )

    return render


def copy_without_history(template: Path, place: Path) -> None:
    shutil.copytree(
        template, place, ignore=shutil.ignore_patterns(".git"), symlinks=True, dirs_exist_ok=True
    )

"""Seventy-two resources in six services pass what a service checks and tests. With --full alone."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.resource.project import Project
from tests.resource import pairwise
from tests.resource.filling import fill
from tests.resource.specifications import ALL
from tests.support.services import Environment

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("which", ["all that there is", *pairwise.SERVICES])
def test_a_service_with_resources_passes_its_checks_and_its_tests(
    which: str,
    plain: Project,
    render: Callable[..., Path],
    environment: Environment,
    tmp_path: Path,
) -> None:
    """`pairwise` says what meets in them."""
    asked = pairwise.resources(plain)[which] if which in pairwise.SERVICES else ALL
    answers = pairwise.SERVICES.get(which, {})
    service = Path(shutil.copytree(render(**answers), tmp_path / "my-service"))
    fill(service, environment, asked)

    checked = environment.run(service, "make", "check", "test", timeout=3600)

    assert re.search(r"^=+ \d+ passed in ", checked.stdout, re.MULTILINE)

"""Requests that nobody thought of: 500 to each of sixty resources, or 60 to one."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.resource.project import Project
from tests.faults.fuzzing import WITH_NUL, fuzz
from tests.resource import pairwise
from tests.resource.filling import fill
from tests.resource.specifications import WALK, Asked
from tests.support import serving
from tests.support.figures import figure
from tests.support.services import Environment, own

pytestmark = pytest.mark.slow


# Pydantic reads false as 0, and a number as a date or a moment, where a field is nothing stricter.
LAX = f"""{WITH_NUL}
[checks.negative_data_rejection]
expected-statuses = ["2xx", "304", "4xx"]
"""
ONE = ["--include-path-regex=^/orders(/{order_id})?$", "--phases=fuzzing"]
"""Orders have something of most; other phases try hundreds of requests."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = list(pairwise.SERVICES) if metafunc.config.getoption("--full") else ["orders"]
    metafunc.parametrize("which", chosen)


@pytest.fixture
def asked(which: str, plain: Project) -> list[Asked]:
    return [WALK[1]] if which == "orders" else pairwise.resources(plain)[which]


@pytest.fixture
def service(
    which: str,
    asked: list[Asked],
    render: Callable[..., Path],
    environment: Environment,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Path:
    """One that lets everybody in."""
    if which == "orders":
        return Path(request.getfixturevalue("with_families"))
    answers = pairwise.SERVICES[which] | {"auth": "none"}
    return fill(own(render(**answers), tmp_path / "my-service"), environment, asked)


def test_requests_made_from_the_description_are_never_a_500(
    which: str,
    asked: list[Asked],
    service: Path,
    environment: Environment,
    tmp_path: Path,
    full: bool,
) -> None:
    enough, examples, more = (500, 60, []) if full else (60, 15, ONE)

    seen: dict[str, Counter[int]] = {}
    with serving.temporary_server() as url:
        variables = serving.clean_environment(ENVIRONMENT="production", POSTGRES_URL=url)
        port, python = serving.free_port(), str(environment.folder / "bin" / "python")
        migrate = [python, "-m", "alembic", "upgrade", "head"]
        subprocess.run(migrate, cwd=service, env=variables, check=True, capture_output=True)
        command = [python, "-m", "uvicorn", "app.main:app", "--port", str(port)]
        with serving.serving(command, service, variables, port, tmp_path) as served:
            served.wait_until_it_answers("/health/ready")
            for seed in range(10):
                fuzz(served.url, tmp_path, LAX, *more, examples=examples, seed=seed)
                seen = answers_by_resource(served.output, asked)
                if min(map(Counter.total, seen.values())) >= enough:
                    break

    figure(
        f"fuzzed requests of resources: {which}",
        resources=len(asked),
        least=min(map(Counter.total, seen.values())),
        all=sum(map(Counter.total, seen.values())),
    )
    assert {name: max(statuses) for name, statuses in seen.items() if max(statuses) >= 500} == {}
    assert min(map(Counter.total, seen.values())) >= enough


def answers_by_resource(output: Path, asked: list[Asked]) -> dict[str, Counter[int]]:
    """How often each was answered, by status."""
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    found: dict[str, Counter[int]] = {one.many: Counter() for one in asked}
    for line in lines:
        *_, name = re.findall(r"/([a-z-]+)", line.get("route", "")) or [""]
        if (many := name.replace("-", "_")) in found:
            found[many][line["status"]] += 1
    return found

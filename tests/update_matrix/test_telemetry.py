"""A living service gets telemetry, and gives it back, by an update."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.template import Template
from tests.support import history, services
from tests.support.features import add_features
from tests.support.history import CANDIDATE
from tests.support.services import Environment
from tests.support.trees import all_files, differences, files_of
from tests.update_matrix.conftest import update

RELEASE = history.releases()[0]
RULES = "ops/prometheus/rules.yaml"
TOLD = '''"""A feature of the service's own is a part of its traces."""

from tests.capabilities.telemetry import Receiver, Watched


async def test_books_are_told(watched: Watched, receiver: Receiver) -> None:
    async with watched() as client:
        await client.get("/books/1")

    assert [span.name for span in receiver.spans] == ["GET /books/{number}"]
'''


@pytest.mark.slow
def test_a_service_that_switches_telemetry_on_is_traced_and_passes_its_checks(
    released: Template, make_service: Callable[..., Path], environment: Environment
) -> None:
    service = make_service(RELEASE.version, RELEASE.presets["defaults"])
    add_features(service)
    (service / "tests/test_told.py").write_text(TOLD)
    services.commit(service, "Add three features")

    made = update(service, released, telemetry=True)

    environment.run(service, "make", "check", "test", "ARGS=tests/test_told.py tests/server")
    assert made.conflicts == {}
    assert "## When telemetry becomes true\n" in made.recipes


@pytest.mark.slow
def test_a_service_that_switches_telemetry_off_is_as_one_that_never_had_it(
    released: Template, make_service: Callable[..., Path], rendered: Callable[..., Path]
) -> None:
    service = make_service(CANDIDATE, {"telemetry": True, "auth": "oidc", "jobs": True})

    made = update(service, released, telemetry=False)

    assert made.conflicts == {}
    assert "## When telemetry becomes false\n" in made.recipes
    never = all_files(rendered(CANDIDATE, {"telemetry": False, "auth": "oidc", "jobs": True}))
    assert differences(files_of(service), never) == {}


@pytest.mark.slow
def test_an_edited_rule_is_a_conflict_when_it_goes(
    released: Template, make_service: Callable[..., Path]
) -> None:
    service = make_service(CANDIDATE, {"telemetry": True})
    edited = (service / RULES).read_text().replace("0.001", "0.002")
    (service / RULES).write_text(edited)
    services.commit(service, "Promise less")

    made = update(service, released, telemetry=False)

    assert set(made.conflicts) == {RULES}
    assert (service / RULES).read_text() == edited

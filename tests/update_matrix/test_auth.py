"""A service that answers everybody starts to ask for access tokens, and stops, by an update."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.template import Template
from tests.support import history, services
from tests.support.edits import replace
from tests.support.features import add_features
from tests.support.history import CANDIDATE
from tests.support.services import Environment
from tests.support.trees import all_files, differences, files_of
from tests.update_matrix.conftest import update

RELEASE = history.releases()[0]
FEATURES = "tests/test_closed.py tests/books tests/loans tests/shelves tests/items"
CLAIMS = "app/server/capabilities/auth/claims.py"
IMPORT = "from app.core.auth import requires\n"
GUARDED = 'APIRouter(prefix="/items", dependencies=[requires("items")])'
CLOSED = '''"""What was open before is closed now."""

import pytest
from httpx2 import AsyncClient


@pytest.mark.parametrize("path", ["/books/1", "/loans/1", "/shelves/1", "/items", "/nowhere"])
async def test_nobody_is_let_in(anonymous_client: AsyncClient, path: str) -> None:
    assert (await anonymous_client.get(path)).status_code == 401
'''


@pytest.mark.slow
def test_a_service_that_switches_auth_on_is_closed_and_passes_its_checks(
    released: Template,
    make_service: Callable[..., Path],
    environment: Environment,
    full: bool,
) -> None:
    service = make_service(RELEASE.version, RELEASE.presets["defaults"])
    add_features(service)
    (service / "tests/test_closed.py").write_text(CLOSED)
    services.commit(service, "Add three features")
    selected = [] if full else [f"ARGS={FEATURES} tests/test_main.py tests/server"]

    made = update(service, released, auth="oidc")

    environment.run(service, "make", "check", "test", *selected)
    assert made.conflicts == {}
    assert "## When auth becomes oidc\n" in made.recipes


@pytest.mark.slow
def test_a_service_that_switches_auth_off_is_as_one_that_never_had_it(
    released: Template, make_service: Callable[..., Path], rendered: Callable[..., Path]
) -> None:
    service = make_service(CANDIDATE, {"auth": "oidc"})

    made = update(service, released, auth="none")

    assert made.conflicts == {}
    assert "## When auth becomes none\n" in made.recipes
    never = all_files(rendered(CANDIDATE, {"auth": "none"}))
    assert differences(files_of(service), never) == {}


@pytest.mark.slow
def test_a_service_that_switches_auth_off_is_told_what_still_asks_for_callers(
    released: Template, make_service: Callable[..., Path], environment: Environment
) -> None:
    service = make_service(CANDIDATE, {"auth": "oidc"})
    routes = service / "app/items/routes.py"
    unguarded = routes.read_text()
    replace(routes, "from app.core.conditional", f"{IMPORT}from app.core.conditional")
    replace(routes, 'APIRouter(prefix="/items")', GUARDED)
    services.commit(service, "Ask for a scope")

    update(service, released, auth="none")
    checked = environment.run(service, "make", "check", check=False)
    routes.write_text(unguarded)

    assert checked.returncode
    assert "app/items/routes.py" in checked.stdout
    assert '"app.core.auth"' in checked.stdout
    environment.run(service, "make", "check")


@pytest.mark.slow
def test_an_edited_file_of_auth_is_a_conflict_when_it_goes(
    released: Template, make_service: Callable[..., Path]
) -> None:
    service = make_service(CANDIDATE, {"auth": "oidc"})
    with (service / CLAIMS).open("a") as file:
        file.write("\n# An edit.\n")
    services.commit(service, "Edit what the template brought")

    made = update(service, released, auth="none")

    assert set(made.conflicts) == {CLAIMS}
    assert (service / CLAIMS).read_text().endswith("# An edit.\n")

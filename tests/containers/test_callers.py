"""A service with auth=oidc starts by its compose.yaml, whether or not it is told an issuer."""

import shutil
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.containers.conftest import Pod
from tests.containers.test_running import get
from tests.support.commands import UV, run
from tests.support.containers import Engine
from tests.support.serving import until

pytestmark = [pytest.mark.slow, pytest.mark.system]


@pytest.fixture(scope="module")
def locked(render: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image") / "guarded"
    shutil.copytree(render(python_image_version="3.11", auth="oidc"), folder)
    run(UV, "lock", cwd=folder).check_returncode()
    return folder


@pytest.fixture(scope="module")
def image(engine: Engine, locked: Path) -> str:
    engine.build(locked, "guarded")
    return "guarded"


def test_a_service_with_auth_becomes_ready_and_lets_nobody_in(pod: Pod, locked: Path) -> None:
    assert pod.document["services"]["app"]["env_file"] == ["compose.auth.env"]
    read = "set -a; . ./compose.auth.env; env | grep OIDC"
    variables = run("sh", "-c", read, cwd=locked).stdout
    pod.migrate()
    port = pod.serve(*(f"--env={variable}" for variable in variables.splitlines()))
    until(lambda: get(port, "/health/ready") == 200, "the service is ready")

    nobody = get(port, "/items")
    somebody = httpx2.get(
        f"http://127.0.0.1:{port}/items",
        headers={"Authorization": "Bearer x.y.z"},
        trust_env=False,
        timeout=10,
    )

    assert (nobody, somebody.status_code) == (401, 503)

"""Overlays of rendered services, built as kubectl builds them."""

import shutil
from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.manifests import Manifests, build
from tests.support.services import Environment, environment_of

# All of them, which is more than each pair.
ANSWERS: list[dict[str, Any]] = [
    {"auth": auth, "jobs": jobs, "telemetry": telemetry}
    for auth, jobs, telemetry in product(("none", "oidc"), (False, True), (False, True))
]
ANSWERS += [
    {"http_port": 9000, "postgres_version": 15, "container": False, "jobs": True},
    {"service_name": "the-longest-name-that-a-service-can-have", "ci": "gitlab"},
]
OVERLAYS = ["staging", "production", "local"]
Built = Callable[..., Manifests]


@pytest.fixture(scope="session")
def built(render: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Built:
    """`built("production", "gateway", jobs=True)`: an overlay, perhaps with another component."""

    @cache
    def built(overlay: str, *components: str, **answers: Any) -> Manifests:
        deploy = tmp_path_factory.mktemp("deploy") / "deploy"
        shutil.copytree(render(kubernetes=True, **answers) / "deploy", deploy)
        file = deploy / "overlays" / overlay / "kustomization.yaml"
        text = file.read_text()
        for component in components:  # as a comment in the overlay says
            listed = f"../../components/{component}"
            if component == "existing-database":
                text = text.replace("../../components/cloudnative-pg", listed)
            assert f"- {listed}" in text
            text = text.replace(f"# - {listed}", f"- {listed}")
        file.write_text(text)
        return build(file.parent)

    return built


@pytest.fixture(
    scope="session",
    params=[
        pytest.param((overlay, (), answers), id=f"{overlay}-{'-'.join(map(str, answers.values()))}")
        for overlay in OVERLAYS
        for answers in ANSWERS
    ]
    + [
        pytest.param(("production", components, {"jobs": True}), id=f"with-{'-'.join(components)}")
        for components in (("existing-database",), ("gateway", "postgres-metrics"))
    ],
)
def manifests(request: pytest.FixtureRequest, built: Built) -> Manifests:
    """Each overlay for all answers that change it."""
    overlay, components, answers = request.param
    return built(overlay, *components, **answers)


@pytest.fixture(scope="session")
def everything(install: Callable[..., Path]) -> Environment:
    """What a service with all capabilities needs."""
    return environment_of(install(auth="oidc", jobs=True, telemetry=True))

"""The compose file: what it starts, in which order, and with what. No Docker."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import TOOLS, run

pytestmark = pytest.mark.slow

Render = Callable[..., Path]


def compose(service: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((service / "compose.yaml").read_text())
    return document


@pytest.mark.parametrize("service_name", ["lamps", "no", "null", "on"])
def test_the_compose_file_is_valid_whatever_the_service_is_called(
    render: Render, service_name: str
) -> None:
    service = render(service_name=service_name)
    schema = ("--builtin-schema", "vendor.compose-spec")

    result = run(TOOLS / "check-jsonschema", *schema, "compose.yaml", cwd=service)

    assert (result.returncode, result.stdout) == (0, "ok -- validation done\n")
    assert compose(service)["name"] == service_name


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({}, "https://issuer.invalid nobody"),
        ({"OIDC_ISSUER": "https://a.example/", "OIDC_AUDIENCE": "b"}, "https://a.example/ b"),
    ],
)
def test_compose_takes_the_issuer_that_is_set_or_one_that_cannot_exist(
    render: Render, given: dict[str, str], taken: str
) -> None:
    service = render(auth="oidc")
    schema = ("--builtin-schema", "vendor.compose-spec")
    valid = run(TOOLS / "check-jsonschema", *schema, "compose.yaml", cwd=service)
    [file] = compose(service)["services"]["app"]["env_file"]

    read = run("sh", "-c", f". ./{file}; echo $OIDC_ISSUER $OIDC_AUDIENCE", cwd=service, **given)

    assert (valid.returncode, read.stdout) == (0, f"{taken}\n")


def test_compose_migrates_before_it_serves(render: Render) -> None:
    services = compose(render())["services"]

    assert {name: service.get("depends_on") for name, service in services.items()} == {
        "postgres": None,
        "migrate": {"postgres": {"condition": "service_healthy"}},
        "app": {"migrate": {"condition": "service_completed_successfully"}},
    }
    assert services["migrate"]["command"] == ["alembic", "upgrade", "head"]


@pytest.mark.parametrize("version", [15, 17, 18, 19])
def test_data_lies_in_the_volume_for_every_version_of_the_postgres_image(
    render: Render, version: int
) -> None:
    postgres = compose(render(postgres_version=version))["services"]["postgres"]

    assert postgres["image"] == f"postgres:{version}"
    assert postgres["volumes"] == ["postgres:/var/lib/postgresql"]
    assert postgres["environment"]["PGDATA"] == f"/var/lib/postgresql/{version}/docker"


def test_only_the_service_is_published_and_only_to_this_machine(render: Render) -> None:
    services = compose(render(http_port=9001))["services"]

    published = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert published == {"app": ["127.0.0.1:${PORT:-9001}:9001"]}

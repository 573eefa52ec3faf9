"""The sums of docs/operations.md, done with the numbers of the overlays that were built."""

import math
import re
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.conftest import Built
from tests.kubernetes.manifests import Manifests
from tests.support.services import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.system]

RESERVE = 20
UVICORN_SECONDS = 30
OF_A_WORKER = 2  # it looks for jobs by connections of its own
ALL: dict[str, Any] = {"auth": "oidc", "jobs": True, "telemetry": True}
Setting = dict[str, str]
DEFAULTS: Setting = dict(
    re.findall(r"^# ([A-Z_]+)=(\S+)$", (ROOT / "template/.env.example").read_text(), re.MULTILINE)
) | dict(
    re.findall(
        r"^# ([A-Z_]+)=(\S+)$", (ROOT / "template/.env.jobs.example").read_text(), re.MULTILINE
    )
)


@pytest.fixture(params=["staging", "production"])
def overlay(request: pytest.FixtureRequest, built: Built) -> Manifests:
    return built(request.param, **ALL)


def number(manifests: Manifests, pod: str, setting: str) -> float:
    return float(manifests.environment(pod).get(setting) or DEFAULTS[setting])


def share(value: int | str, of: int) -> int:
    """A number, or a percentage of one, rounded up as Kubernetes does it for a surge."""
    return math.ceil(int(value.rstrip("%")) * of / 100) if isinstance(value, str) else value


def most_pods(manifests: Manifests, deployment: str) -> int:
    """While a deployment rolls out, at the autoscaler's maximum."""
    spec = manifests.one("Deployment", deployment)["spec"]
    scalers = [
        one["spec"]["maxReplicas"]
        for one in manifests.of("HorizontalPodAutoscaler")
        if one["spec"]["scaleTargetRef"]["name"] == deployment
    ]
    pods = int(scalers[0] if scalers else spec["replicas"])
    return pods + share(spec["strategy"]["rollingUpdate"]["maxSurge"], pods)


def connections(manifests: Manifests, pod: str) -> tuple[int, int]:
    """Of one process, to the primary and to the replica: docs/replica.md."""
    size = number(manifests, pod, "POSTGRES_POOL_SIZE")
    pool = int(size + number(manifests, pod, "POSTGRES_POOL_MAX_OVERFLOW"))
    readiness = watching = 1
    return 2 * pool + readiness + watching, pool + watching


def clients(manifests: Manifests) -> tuple[int, int]:
    """The most connections to pooler-rw and to pooler-ro."""
    primary, replica = connections(manifests, "web")
    web = most_pods(manifests, "web") * int(
        manifests.environment("web").get("WEB_CONCURRENCY", "1")
    )
    of_worker, replica_of_worker = connections(manifests, "worker")
    workers = most_pods(manifests, "worker")
    return (
        web * primary + workers * (of_worker + OF_A_WORKER),
        web * replica + workers * replica_of_worker,
    )


def pooler(manifests: Manifests, name: str) -> tuple[int, int, int, int]:
    """Instances, surge, clients of each, connections to Postgres of each."""
    spec = manifests.one("Pooler", name)["spec"]
    parameters = spec["pgbouncer"]["parameters"]
    surge = spec["deploymentStrategy"]["rollingUpdate"]["maxSurge"]
    most, pool = parameters["max_client_conn"], parameters["default_pool_size"]
    return spec["instances"], surge, int(most), int(pool)


def test_the_poolers_take_all_clients_when_one_of_them_is_away(overlay: Manifests) -> None:
    for name, wanted in zip(("pooler-rw", "pooler-ro"), clients(overlay), strict=True):
        instances, _, most, _ = pooler(overlay, name)

        assert wanted <= (instances - 1) * most


def test_postgres_takes_all_connections_of_the_poolers(overlay: Manifests) -> None:
    parameters = overlay.one("Cluster", "database")["spec"]["postgresql"]["parameters"]
    usable = int(parameters["max_connections"]) - RESERVE
    past_the_pooler = {"pooler-rw": most_pods(overlay, "worker") + 1, "pooler-ro": 0}

    for name, more in past_the_pooler.items():
        instances, surge, _, pool = pooler(overlay, name)

        assert (instances + surge) * pool + more <= usable


def test_a_pod_has_the_time_to_finish_what_it_does(overlay: Manifests) -> None:
    grace = {
        name: pod["spec"].get("terminationGracePeriodSeconds")
        for name, pod in overlay.own_pods.items()
    }
    drain = number(overlay, "web", "SHUTDOWN_DRAIN_SECONDS")
    request = number(overlay, "web", "REQUEST_TIMEOUT_SECONDS")
    command = (ROOT / "template/Dockerfile.jinja").read_text()

    assert f'"--timeout-graceful-shutdown", "{UVICORN_SECONDS}"' in command
    assert request <= UVICORN_SECONDS
    assert drain + UVICORN_SECONDS < grace["web"]
    assert number(overlay, "worker", "JOBS_DRAIN_SECONDS") + 5 < grace["worker"]


def test_a_pod_that_drains_is_taken_out_before_it_stops(overlay: Manifests) -> None:
    [service] = overlay.pods["web"]["spec"]["containers"]
    probe = service["readinessProbe"]
    drain = number(overlay, "web", "SHUTDOWN_DRAIN_SECONDS")

    assert probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"] < drain
    assert number(overlay, "web", "READY_TIMEOUT_SECONDS") < probe["timeoutSeconds"]


def test_a_gateway_waits_longer_than_a_request_may_take(built: Built) -> None:
    manifests = built("production", "gateway", "postgres-metrics")
    [rule] = manifests.one("HTTPRoute", "web")["spec"]["rules"]

    limit = float(rule["timeouts"]["request"].removesuffix("s"))

    assert number(manifests, "web", "REQUEST_TIMEOUT_SECONDS") < limit


def test_the_sums_of_the_page_are_those_of_production(built: Built) -> None:
    production = built("production", **ALL)
    page = (ROOT / "template/docs/operations.md").read_text()
    instances, surge, most, pool = pooler(production, "pooler-rw")
    rw, ro = clients(production)
    workers = most_pods(production, "worker")
    postgres, usable = (instances + surge) * pool + workers + 1, 100 - RESERVE

    assert f"= {rw} ≤ {(instances - 1) * most} |" in page
    assert f"= {ro} ≤ {(instances - 1) * most} |" in page
    assert f"+ {workers} + 1 = {postgres} ≤ {usable} |" in page


def test_no_deployment_takes_an_old_pod_before_a_new_one_is_ready(overlay: Manifests) -> None:
    unavailable = [
        one["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"]
        for one in overlay.of("Deployment")
    ]

    assert unavailable == [0, 0]


def test_the_autoscaler_alone_has_the_number_of_web_pods(overlay: Manifests) -> None:
    assert "replicas" not in overlay.one("Deployment", "web")["spec"]


def test_the_image_stops_as_the_arithmetic_assumes() -> None:
    defaults = {name: DEFAULTS[name] for name in ("POSTGRES_POOL_SIZE", "JOBS_DRAIN_SECONDS")}

    assert defaults == {"POSTGRES_POOL_SIZE": "10", "JOBS_DRAIN_SECONDS": "25"}
    assert "WEB_CONCURRENCY=1" in Path(ROOT / "template/Dockerfile.jinja").read_text()

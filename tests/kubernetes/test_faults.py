"""A fault in a manifest fails the test that is there for it."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.kubernetes import test_arithmetic, test_pod_security, test_references, test_schemas
from tests.kubernetes.conftest import Built
from tests.kubernetes.manifests import Manifests

pytestmark = [pytest.mark.slow, pytest.mark.system]

CONTAINER = "spec template spec containers 0"
POOL = "spec pgbouncer parameters"
# The test, the document, the place in it, and what is written there; `...` takes it away.
FAULTS: list[tuple[Callable[..., None], str, str, Any]] = [
    (
        test_arithmetic.test_the_poolers_take_all_clients_when_one_of_them_is_away,
        *("HorizontalPodAutoscaler web", "spec maxReplicas", 40),
    ),
    (
        test_arithmetic.test_the_poolers_take_all_clients_when_one_of_them_is_away,
        *("Pooler pooler-ro", "spec instances", 1),
    ),
    (
        test_arithmetic.test_postgres_takes_all_connections_of_the_poolers,
        *("Pooler pooler-rw", f"{POOL} default_pool_size", "40"),
    ),
    (
        test_arithmetic.test_a_pod_has_the_time_to_finish_what_it_does,
        *("Deployment web", "spec template spec terminationGracePeriodSeconds", 40),
    ),
    (
        test_arithmetic.test_a_pod_has_the_time_to_finish_what_it_does,
        *("Deployment worker", "spec template spec terminationGracePeriodSeconds", 30),
    ),
    (
        test_arithmetic.test_a_pod_has_the_time_to_finish_what_it_does,
        *("ConfigMap settings", "data REQUEST_TIMEOUT_SECONDS", "31"),
    ),
    (
        test_arithmetic.test_a_pod_that_drains_is_taken_out_before_it_stops,
        *("Deployment web", f"{CONTAINER} readinessProbe periodSeconds", 5),
    ),
    (
        test_arithmetic.test_a_gateway_waits_longer_than_a_request_may_take,
        *("HTTPRoute web", "spec rules 0 timeouts request", "20s"),
    ),
    (
        test_arithmetic.test_the_sums_of_the_page_are_those_of_production,
        *("Deployment worker", "spec replicas", 3),
    ),
    (
        test_arithmetic.test_no_deployment_takes_an_old_pod_before_a_new_one_is_ready,
        *("Deployment worker", "spec strategy rollingUpdate maxUnavailable", 1),
    ),
    (
        test_arithmetic.test_the_autoscaler_alone_has_the_number_of_web_pods,
        *("Deployment web", "spec replicas", 2),
    ),
    (
        test_pod_security.test_all_pods_of_the_service_are_restricted,
        *("Job migrate", "spec template spec securityContext runAsNonRoot", ...),
    ),
    (
        test_pod_security.test_no_file_has_a_secret,
        *("ServiceAccount service", "kind", "Secret"),
    ),
    (
        test_references.test_every_selector_takes_a_pod,
        *("PodDisruptionBudget web", "spec selector matchLabels", {"app": "web"}),
    ),
    (
        test_references.test_a_deployment_selects_and_spreads_its_own_pods,
        *("Deployment web", "spec selector matchLabels", {"metrics": "scraped"}),
    ),
    (
        test_references.test_every_port_that_is_named_exists,
        *("Deployment web", f"{CONTAINER} ports 1 name", "web"),
    ),
    (
        test_references.test_every_resource_that_is_named_exists,
        *("ScheduledBackup nightly", "spec cluster name", "postgres"),
    ),
    (
        test_references.test_every_resource_that_is_named_exists,
        *("HTTPRoute web", "spec rules 0 backendRefs 0 port", 8000),
    ),
    (
        test_references.test_every_volume_is_mounted_and_every_mount_has_a_volume,
        *("Job migrate", "spec template spec volumes 0", ...),
    ),
    (
        test_references.test_every_secret_is_made_by_the_operator_or_by_a_command_of_the_page,
        *("Cluster database", "spec managed roles 0 passwordSecret name", "database-web"),
    ),
    (
        test_references.test_every_key_of_a_secret_is_one_that_the_page_gives_it,
        *("Deployment web", f"{CONTAINER} env 0 valueFrom secretKeyRef key", "user"),
    ),
    (
        test_references.test_every_host_of_a_url_is_a_service_whose_certificate_has_its_name,
        *("Cluster database", "spec certificates serverAltDNSNames", ["pooler-rw"]),
    ),
    (
        test_references.test_whatever_a_url_is_composed_of_comes_before_it,
        *("Deployment web", f"{CONTAINER} env 1", ...),
    ),
    (
        test_references.test_every_pod_may_reach_the_hosts_of_its_urls,
        *("NetworkPolicy database", "spec egress 0 ports 0 port", 5433),
    ),
    (
        test_references.test_a_plain_apply_is_in_one_namespace,
        *("Service web", "metadata namespace", "default"),
    ),
    (
        test_schemas.test_an_overlay_has_what_its_answers_bring,
        *("Service metrics", "metadata name", "web-metrics"),
    ),
]


def with_fault(manifests: Manifests, where: str, path: str, value: object) -> Manifests:
    kind, name = where.split()
    documents = deepcopy(manifests.documents)
    [place] = [
        one for one in documents if one["kind"] == kind and one["metadata"]["name"].startswith(name)
    ]
    *parts, last = [int(part) if part.isdecimal() else part for part in path.split()]
    inner: Any = place
    for part in parts:
        inner = inner[part]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return Manifests(documents)


@pytest.mark.parametrize(
    ("test", "where", "path", "value"),
    [
        pytest.param(*fault, id=f"{number}-{fault[0].__name__.removeprefix('test_')}")
        for number, fault in enumerate(FAULTS)
    ],
)
def test_a_fault_is_seen(
    built: Built, test: Callable[..., None], where: str, path: str, value: object
) -> None:
    sound = built("production", "gateway", "postgres-metrics", **test_arithmetic.ALL)
    wants_built = "built" in test.__annotations__
    given: Callable[[Manifests], Any] = (
        (lambda one: lambda *_, **__: one) if wants_built else lambda one: one
    )

    test(given(sound))
    with pytest.raises((AssertionError, KeyError, ValueError)):
        test(given(with_fault(sound, where, path, value)))

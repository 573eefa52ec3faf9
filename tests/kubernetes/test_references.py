"""Whatever a manifest names exists: names, ports, labels, hosts, Secrets."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.kubernetes.conftest import Built
from tests.kubernetes.manifests import Document, Manifests, matches, walk
from tests.support.services import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.system]

PAGE = (ROOT / "template/docs/operations.md").read_text()


def labels_of_pods(manifests: Manifests) -> list[dict[str, str]]:
    """Of our own pods, and of those that CloudNativePG makes."""
    labels = [pod["metadata"]["labels"] for pod in manifests.pods.values()]
    labels += [
        {"cnpg.io/cluster": name, "cnpg.io/podRole": "instance"}
        for name in manifests.names("Cluster")
    ]
    return labels + [{"cnpg.io/poolerName": name} for name in manifests.names("Pooler")]


def ports_of(manifests: Manifests, selector: Document) -> set[int | str]:
    """Numbers and names of the ports of the pods that a selector takes."""
    return {
        port[key]
        for pod in manifests.pods.values()
        if matches(selector, pod["metadata"]["labels"])
        for container in pod["spec"]["containers"]
        for port in container.get("ports", [])
        for key in ("name", "containerPort")
    }


def test_every_selector_takes_a_pod(manifests: Manifests) -> None:
    pods = labels_of_pods(manifests)
    selectors = [
        (f"{one['kind']} {one['metadata']['name']}{path}", value)
        for one in manifests.documents
        if one["kind"] != "ServiceMonitor"
        for path, value in walk(one)
        if re.search(r"/(selector|podSelector|labelSelector)$", path)
    ]

    assert len(selectors) > 8
    assert [
        where for where, one in selectors if not any(matches(one, labels) for labels in pods)
    ] == []


def test_a_deployment_selects_and_spreads_its_own_pods(manifests: Manifests) -> None:
    for deployment in manifests.of("Deployment"):
        spec = deployment["spec"]
        labels = spec["template"]["metadata"]["labels"]
        spread = spec["template"]["spec"].get("topologySpreadConstraints", [])

        selectors = [spec["selector"], *(one["labelSelector"] for one in spread)]

        assert all(matches(selector, labels) for selector in selectors)
        others = [
            pod
            for name, pod in manifests.pods.items()
            if name != deployment["metadata"]["name"]
            and matches(spec["selector"], pod["metadata"]["labels"])
        ]
        assert others == []


def test_every_port_that_is_named_exists(manifests: Manifests) -> None:
    for service in manifests.of("Service"):
        named = {port["targetPort"] for port in service["spec"]["ports"]}
        assert named <= ports_of(manifests, service["spec"]["selector"])
    for policy in manifests.of("NetworkPolicy"):
        allowed = [
            port["port"] for one in policy["spec"].get("ingress", []) for port in one["ports"]
        ]
        assert set(allowed) <= ports_of(manifests, policy["spec"]["podSelector"])
    for name, pod in manifests.own_pods.items():
        own = ports_of(manifests, {"matchLabels": pod["metadata"]["labels"]})
        named = {value for path, value in walk(pod) if path.endswith("httpGet/port")}
        assert (name, named - own) == (name, set())


def test_every_resource_that_is_named_exists(manifests: Manifests) -> None:
    for scaler in manifests.of("HorizontalPodAutoscaler"):
        assert scaler["spec"]["scaleTargetRef"]["name"] in manifests.names("Deployment")
    for pod in manifests.own_pods.values():
        assert pod["spec"]["serviceAccountName"] in manifests.names("ServiceAccount")
        maps = {value for path, value in walk(pod) if path.endswith("configMapRef/name")}
        assert maps == manifests.names("ConfigMap")
    for one in manifests.of("Pooler", "ScheduledBackup"):
        assert one["spec"]["cluster"]["name"] in manifests.names("Cluster")
    for cluster in manifests.of("Cluster"):
        [plugin] = cluster["spec"]["plugins"]
        assert plugin["parameters"]["barmanObjectName"] in manifests.names("ObjectStore")
    for monitor in manifests.of("ServiceMonitor"):
        scraped = [
            port["name"]
            for service in manifests.of("Service")
            if matches(monitor["spec"]["selector"], service["metadata"]["labels"])
            for port in service["spec"]["ports"]
        ]
        assert scraped == [monitor["spec"]["endpoints"][0]["port"]]
    for route in manifests.of("HTTPRoute"):
        [backend] = route["spec"]["rules"][0]["backendRefs"]
        [port] = manifests.one("Service", backend["name"])["spec"]["ports"]
        assert port["port"] == backend["port"]


def test_every_volume_is_mounted_and_every_mount_has_a_volume(manifests: Manifests) -> None:
    for pod in manifests.pods.values():
        [container] = pod["spec"]["containers"]

        mounted = {mount["name"] for mount in container["volumeMounts"]}

        assert mounted == {volume["name"] for volume in pod["spec"]["volumes"]}


def secrets(manifests: Manifests) -> set[str]:
    """The names of the Secrets that anything reads."""
    ends = (
        "secretKeyRef/name",
        "secretName",
        "passwordSecret/name",
        "Credentials/accessKeyId/name",
    )
    return {
        value for one in manifests.documents for path, value in walk(one) if path.endswith(ends)
    }


def test_every_secret_is_made_by_the_operator_or_by_a_command_of_the_page(
    manifests: Manifests,
) -> None:
    made = set(re.findall(r"kubectl create secret generic (\S+)", PAGE)) | manifests.names("Secret")
    theirs = {f"{name}-{end}" for name in manifests.names("Cluster") for end in ("app", "ca")}

    assert secrets(manifests) - made - theirs - {"issuer"} == set()
    assert "`issuer`" in PAGE


def test_every_key_of_a_secret_is_one_that_the_page_gives_it(manifests: Manifests) -> None:
    given = {
        name: set(re.findall(r"--from-literal=(\w+)=", command))
        for name, command in re.findall(r"kubectl create secret generic (\S+)((?:.*\\\n)*.*)", PAGE)
    }
    read = {
        (value["name"], value["key"])
        for one in manifests.documents
        for _, value in walk(one)
        if isinstance(value, dict) and set(value) >= {"name", "key"} and value["name"] in given
    }

    assert {(name, key) for name, key in read if key not in given[name]} == set()


def test_every_host_of_a_url_is_a_service_whose_certificate_has_its_name(built: Built) -> None:
    manifests = built("production", jobs=True)
    cluster = manifests.one("Cluster", "database")
    services = {f"database-{kind}" for kind in ("rw", "ro", "r")} | manifests.names("Pooler")
    certified = {f"database-{kind}" for kind in ("rw", "ro", "r")}
    certified |= set(cluster["spec"]["certificates"]["serverAltDNSNames"])

    hosts = set()
    for name in manifests.own_pods:
        for variable, value in manifests.environment(name).items():
            if variable.endswith("_URL"):
                parts = urlsplit(re.sub(r"<[^>]+>", "secret", value))
                hosts.add(parts.hostname)
                assert parse_qs(parts.query) == {
                    "sslmode": ["verify-full"],
                    "sslrootcert": ["/etc/database/ca.crt"],
                }
                assert parts.path == f"/{cluster['spec']['bootstrap']['initdb']['database']}"

    assert hosts == {"pooler-rw", "pooler-ro", "database-rw"}
    assert hosts <= services & certified


def test_whatever_a_url_is_composed_of_comes_before_it(manifests: Manifests) -> None:
    for name in manifests.own_pods:
        assert "$(" not in str(manifests.environment(name))  # else it would be a KeyError


def test_every_pod_may_reach_the_hosts_of_its_urls(built: Built) -> None:
    manifests = built("production", jobs=True, telemetry=True, auth="oidc")
    reached = {
        "web": {"pooler-rw", "pooler-ro"},
        "worker": {"pooler-rw", "pooler-ro", "database-rw"},
        "migrate": {"database-rw"},
    }

    for name, hosts in reached.items():
        labels = manifests.pods[name]["metadata"]["labels"]
        allowed = [
            rule
            for policy in manifests.of("NetworkPolicy")
            if matches(policy["spec"]["podSelector"], labels)
            for rule in policy["spec"].get("egress", [])
        ]
        targets = {
            "pooler-rw": {"cnpg.io/poolerName": "pooler-rw"},
            "pooler-ro": {"cnpg.io/poolerName": "pooler-ro"},
            "database-rw": {"cnpg.io/cluster": "database"},
        }
        open_to = {
            host
            for host, target in targets.items()
            for rule in allowed
            for peer in rule.get("to", [])
            if matches(peer.get("podSelector", {"none": ""}), target)
            and 5432 in [port["port"] for port in rule["ports"]]
        }
        assert (name, open_to) == (name, hosts)


def test_a_plain_apply_is_in_one_namespace(manifests: Manifests) -> None:
    assert len({one["metadata"]["namespace"] for one in manifests.documents}) == 1

"""Pod Security "restricted", rule by rule."""

from copy import deepcopy
from typing import Any

import pytest

from tests.kubernetes.manifests import Manifests
from tests.kubernetes.pod_security import VIOLATED, violations

HARDENED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}
RESTRICTED: dict[str, Any] = {
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "containers": [{"name": "service", "securityContext": HARDENED}],
    "initContainers": [{"name": "first", "securityContext": HARDENED}],
    "volumes": [{"name": "tmp", "emptyDir": {}}],
}
# Where, and what is written there instead.
VIOLATIONS: list[tuple[str, str, Any]] = [
    ("host process", "securityContext/windowsOptions", {"hostProcess": True}),
    ("host namespaces", "hostNetwork", True),
    ("host namespaces", "hostPID", True),
    ("host namespaces", "hostIPC", True),
    ("privileged", "containers/0/securityContext/privileged", True),
    ("capabilities", "containers/0/securityContext/capabilities", {"drop": ["NET_RAW"]}),
    ("capabilities", "containers/0/securityContext/capabilities/add", ["SYS_TIME"]),
    ("volume types", "volumes/0", {"name": "tmp", "hostPath": {"path": "/"}}),
    ("host ports", "containers/0/ports", [{"containerPort": 80, "hostPort": 80}]),
    ("host of a probe", "containers/0/readinessProbe", {"httpGet": {"host": "10.0.0.1"}}),
    ("host of a probe", "containers/0/lifecycle", {"preStop": {"httpGet": {"host": "10.0.0.1"}}}),
    ("AppArmor", "securityContext/appArmorProfile", {"type": "Unconfined"}),
    ("SELinux", "securityContext/seLinuxOptions", {"type": "spc_t"}),
    ("SELinux", "containers/0/securityContext/seLinuxOptions", {"user": "root"}),
    ("proc mount", "containers/0/securityContext/procMount", "Unmasked"),
    ("sysctls", "securityContext/sysctls", [{"name": "kernel.msgmax", "value": "1"}]),
    ("privilege escalation", "initContainers/0/securityContext/allowPrivilegeEscalation", True),
    ("not as root", "securityContext/runAsNonRoot", None),
    ("not as root", "containers/0/securityContext/runAsNonRoot", False),
    ("user 0", "containers/0/securityContext/runAsUser", 0),
    ("seccomp", "securityContext/seccompProfile", None),
    ("seccomp", "containers/0/securityContext/seccompProfile", {"type": "Unconfined"}),
]


def with_value(spec: Any, path: str, value: object) -> Any:
    """A copy with another value there."""
    changed = deepcopy(spec)
    *parts, last = path.split("/")
    place = changed
    for part in parts:
        place = place[int(part) if part.isdecimal() else part]
    place[int(last) if last.isdecimal() else last] = value
    return changed


@pytest.mark.parametrize(("rule", "path", "value"), VIOLATIONS)
def test_each_rule_sees_what_violates_it(rule: str, path: str, value: object) -> None:
    assert violations(RESTRICTED) == set()
    assert violations(with_value(RESTRICTED, path, value)) == {rule}


def test_each_rule_has_something_that_violates_it() -> None:
    assert {rule for rule, _, _ in VIOLATIONS} == set(VIOLATED)


@pytest.mark.system
@pytest.mark.slow
def test_all_pods_of_the_service_are_restricted(manifests: Manifests) -> None:
    assert {"web", "migrate"} <= set(manifests.own_pods)
    for name, pod in manifests.own_pods.items():
        assert (name, violations(pod["spec"])) == (name, set())
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert [
            container["securityContext"]["readOnlyRootFilesystem"]
            for container in pod["spec"]["containers"]
        ] == [True]


@pytest.mark.system
@pytest.mark.slow
def test_no_file_has_a_secret(manifests: Manifests) -> None:
    given = [
        document.get("stringData", document.get("data")) for document in manifests.of("Secret")
    ]

    local = {"POSTGRES_URL": "cG9zdGdyZXNxbDovL3Bvc3RncmVzQHBvc3RncmVzL2FwcA=="}  # no password
    assert given in ([], [local])

"""The rules of the Pod Security Standard "restricted", each as what violates it.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ (1.35).
"""

from collections.abc import Callable, Iterator
from typing import Any

Spec = dict[str, Any]
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "name"}
VOLUMES |= {"persistentVolumeClaim", "projected", "secret"}
SECCOMP = {"RuntimeDefault", "Localhost"}
SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
}
SELINUX = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}


def containers(spec: Spec) -> list[Spec]:
    kinds = ("containers", "initContainers", "ephemeralContainers")
    return [container for kind in kinds for container in spec.get(kind, [])]


def contexts(spec: Spec) -> Iterator[Spec]:
    """The security context of the pod, and of each container."""
    yield spec.get("securityContext", {})
    for container in containers(spec):
        yield container.get("securityContext", {})


def of_containers(spec: Spec) -> list[Spec]:
    return [container.get("securityContext", {}) for container in containers(spec)]


def effective(spec: Spec, key: str) -> list[Any]:
    """What holds for each container: its own value, else the pod's."""
    pod = spec.get("securityContext", {}).get(key)
    return [context.get(key, pod) for context in of_containers(spec)]


def handlers(spec: Spec) -> Iterator[Spec]:
    """What the kubelet connects to: probes and hooks."""
    for container in containers(spec):
        hooks = container.get("lifecycle", {}).values()
        probes = (
            container.get(f"{name}Probe", {}) for name in ("startup", "readiness", "liveness")
        )
        for handler in (*hooks, *probes):
            yield from (handler.get("httpGet", {}), handler.get("tcpSocket", {}))


VIOLATED: dict[str, Callable[[Spec], bool]] = {
    "host process": lambda spec: any(
        context.get("windowsOptions", {}).get("hostProcess") for context in contexts(spec)
    ),
    "host namespaces": lambda spec: any(
        spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")
    ),
    "privileged": lambda spec: any(context.get("privileged") for context in of_containers(spec)),
    "capabilities": lambda spec: any(
        "ALL" not in context.get("capabilities", {}).get("drop", [])
        or set(context["capabilities"].get("add", [])) - {"NET_BIND_SERVICE"}
        for context in of_containers(spec)
    ),
    "volume types": lambda spec: any(set(volume) - VOLUMES for volume in spec.get("volumes", [])),
    "host ports": lambda spec: any(
        port.get("hostPort") for one in containers(spec) for port in one.get("ports", [])
    ),
    "host of a probe": lambda spec: any(handler.get("host") for handler in handlers(spec)),
    "AppArmor": lambda spec: any(
        context.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in SECCOMP
        for context in contexts(spec)
    ),
    "SELinux": lambda spec: any(
        options.get("type", "") not in SELINUX or options.get("user") or options.get("role")
        for context in contexts(spec)
        for options in [context.get("seLinuxOptions", {})]
    ),
    "proc mount": lambda spec: any(
        context.get("procMount", "Default") != "Default" for context in of_containers(spec)
    ),
    "sysctls": lambda spec: (
        {one["name"] for one in spec.get("securityContext", {}).get("sysctls", [])} - SYSCTLS
        != set()
    ),
    "privilege escalation": lambda spec: any(
        context.get("allowPrivilegeEscalation") is not False for context in of_containers(spec)
    ),
    "not as root": lambda spec: not all(effective(spec, "runAsNonRoot")),
    "user 0": lambda spec: 0 in [context.get("runAsUser") for context in contexts(spec)],
    "seccomp": lambda spec: any(
        (profile or {}).get("type") not in SECCOMP for profile in effective(spec, "seccompProfile")
    ),
}


def violations(spec: Spec) -> set[str]:
    """The rules that a pod violates."""
    return {rule for rule, violated in VIOLATED.items() if violated(spec)}

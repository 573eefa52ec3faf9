"""What a cluster does with built manifests, played by podman and this module.

podman runs the pods, as the manifests have them. It has no controller, no Service and no readiness:
those are here.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import yaml

from tests.kubernetes.manifests import Document, Manifests
from tests.support.containers import Engine
from tests.support.serving import until


@dataclass
class Cluster:
    """A network with pods on it."""

    engine: Engine
    manifests: Manifests
    network: str
    folder: Path
    addresses: dict[str, str] = field(default_factory=dict)

    def play(self, *documents: Document) -> None:
        file = self.folder / "played.yaml"
        file.write_text(yaml.safe_dump_all(documents))
        self.engine("kube", "play", f"--network={self.network}", file)

    def keep_secrets(self) -> None:
        """As podman reads them: what `kube play` of 4.3 writes, it cannot read."""
        for secret in self.manifests.of("Secret"):
            file = self.folder / "secret.json"
            file.write_text(json.dumps(secret["data"]))
            self.engine("secret", "create", secret["metadata"]["name"], file)

    def pod(self, name: str, template: Document, image: str | None) -> Document:
        """What a controller makes of a template; the names of Services are in its hosts."""
        spec = deepcopy(template["spec"])
        spec["hostAliases"] = [
            {"ip": ip, "hostnames": [host]} for host, ip in self.addresses.items()
        ]
        for one in (*spec["volumes"], *spec["containers"][0]["volumeMounts"]):
            one["name"] = f"{name}-{one['name']}"  # podman's volumes are not a pod's own
        spec["containers"][0].pop("ports", None)  # podman would open them on this machine
        if image:
            spec["containers"][0]["image"] = image
        labels = template["metadata"]["labels"]
        metadata = {"name": name, "labels": labels}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    def start(self, name: str, workload: str, image: str | None = None) -> str:
        """The address of a new pod of a Deployment or Job."""
        settings = self.manifests.of("ConfigMap")
        self.play(*settings, self.pod(name, self.manifests.pods[workload], image))
        infra = self.engine("pod", "inspect", "--format={{.InfraContainerID}}", name)
        networks = self.engine.inspect(infra)["NetworkSettings"]["Networks"]
        return str(networks[self.network]["IPAddress"])

    def container(self, pod: str) -> str:
        workload = pod.rstrip("0123456789").rstrip("-")
        [container] = self.manifests.pods[workload]["spec"]["containers"]
        return f"{pod}-{container['name']}"

    def run_to_completion(self, name: str, workload: str, image: str | None = None) -> int:
        """The exit code of a pod of a Job."""
        self.start(name, workload, image)
        return int(self.engine("wait", self.container(name)))

    def stop(self, name: str) -> int:
        """The exit code after SIGTERM, and SIGKILL when the grace period is over."""
        workload = name.rstrip("0123456789").rstrip("-")
        grace = self.manifests.pods[workload]["spec"]["terminationGracePeriodSeconds"]
        # Not `pod stop`, which takes the pod's network away first.
        self.engine("stop", f"--time={grace}", self.container(name))
        state: dict[str, Any] = self.engine.inspect(self.container(name))["State"]
        return int(state["ExitCode"])


class Balancer:
    """Sends requests to pods that are ready, by the probe of the manifest and nothing else."""

    def __init__(self, probe: Document, port: int) -> None:
        self.probe, self.port = probe, port
        self.pods: dict[str, str] = {}
        self.failures: dict[str, int] = {}
        self.ended = threading.Event()
        self.turn = 0

    @property
    def ready(self) -> list[str]:
        least = self.probe["failureThreshold"]
        return [name for name in list(self.pods) if self.failures.get(name, least) < least]

    def watch(self) -> None:
        while not self.ended.wait(self.probe["periodSeconds"]):
            for name, address in list(self.pods.items()):
                ready = self._asked(address)
                self.failures[name] = 0 if ready else self.failures.get(name, 9) + 1

    def _asked(self, address: str) -> bool:
        url = f"http://{address}:{self.port}{self.probe['httpGet']['path']}"
        with suppress(httpx2.TransportError):
            timeout = self.probe["timeoutSeconds"]
            return httpx2.get(url, trust_env=False, timeout=timeout).status_code == 200
        return False

    def wait_for(self, *names: str) -> None:
        until(lambda: set(names) <= set(self.ready), f"{', '.join(names)} are ready")

    def next(self) -> str:
        self.turn += 1
        pods = self.pods.copy()
        ready = [name for name in self.ready if name in pods]
        return f"http://{pods[ready[self.turn % len(ready)]]}:{self.port}"


@contextmanager
def balancing(manifests: Manifests) -> Iterator[Balancer]:
    [container] = manifests.pods["web"]["spec"]["containers"]
    [port] = [one["containerPort"] for one in container["ports"] if one["name"] == "http"]
    balancer = Balancer(container["readinessProbe"], port)
    thread = threading.Thread(target=balancer.watch)
    thread.start()
    try:
        yield balancer
    finally:
        balancer.ended.set()
        thread.join()


@dataclass
class Load:
    """What clients were answered; None is no answer."""

    statuses: list[int | None] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    longest: float = 0
    waiting: dict[int, float] = field(default_factory=dict)
    """When each client began what it waits for."""
    unanswered: list[float] = field(default_factory=list)
    """When those that got no answer began."""

    def wait_for_all_since(self, then: float) -> None:
        """Until nobody waits for an answer to what began before."""
        until(lambda: min(list(self.waiting.values())) > then, "those before are answered")

    def ask(self, balancer: Balancer, name: str) -> None:
        started = self.waiting[threading.get_ident()] = time.monotonic()
        try:
            url = f"{balancer.next()}/items"
            written = httpx2.post(url, json={"name": name}, trust_env=False, timeout=20)
            read = httpx2.get(f"{balancer.next()}/items?limit=1", trust_env=False, timeout=20)
        except httpx2.TransportError:
            self.statuses.append(None)
            self.unanswered.append(started)
        else:
            self.statuses += [written.status_code, read.status_code]
            if written.status_code == 201:
                self.acknowledged.add(name)
        self.longest = max(self.longest, time.monotonic() - started)


@contextmanager
def load(balancer: Balancer, clients: int = 4) -> Iterator[Load]:
    """Clients that write a row and read one, until the block ends."""
    running, ended = Load(), threading.Event()

    def send(client: int) -> None:
        number = 0
        while not ended.is_set():
            running.ask(balancer, f"{client}-{number}-{id(running)}")
            number += 1

    threads = [threading.Thread(target=send, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield running
    finally:
        ended.set()
        for thread in threads:
            thread.join()

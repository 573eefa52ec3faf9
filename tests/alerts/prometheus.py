"""Debian's Prometheus, with a service's rules. An hour of them takes a minute."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.faults.client import eventually
from tests.support.services import ROOT
from tests.support.serving import clean_environment, free_port, serving

PROGRAMS = ROOT / "build/debian/usr/bin"
FACTOR = 60
SECONDS = {"m": 60, "h": 3600, "d": 86_400}
DURATION = re.compile(r"(?<=\[)(\d+)([mhd])(?=\])|(?<=for: )(\d+)([mhd])")
CONFIGURATION = """
global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}
rule_files: ["*rules.yaml"]
scrape_configs:
  - job_name: my-service
    static_configs: [{{targets: [{targets}]}}]
"""


@dataclass(frozen=True)
class Prometheus:
    """A server that scrapes a service."""

    url: str

    async def get(self, path: str, **parameters: str) -> object:
        async with httpx2.AsyncClient(base_url=self.url) as client:
            answer = await client.get(f"/api/v1/{path}", params=parameters)
            return answer.json()["data"]

    async def firing(self) -> set[str]:
        found = await self.get("alerts")
        assert isinstance(found, dict)
        return {a["labels"]["alertname"] for a in found["alerts"] if a["state"] == "firing"}

    async def labels(self, metric: str) -> set[str]:
        """Of all series with that name."""
        found = await self.get("series", **{"match[]": metric})
        assert isinstance(found, list)
        return {label for series in found for label in series}

    async def until_firing(self, *alerts: str) -> None:
        async def fire() -> bool:
            return set(alerts) <= await self.firing()

        await eventually(fire, f"these fire: {', '.join(alerts)}", seconds=120)

    async def until_seen(self, metric: str) -> None:
        async def is_seen() -> bool:
            return bool(await self.labels(metric))

        await eventually(is_seen, f"Prometheus has seen {metric}")


def shorten(match: re.Match[str]) -> str:
    number, unit = match[1] or match[3], match[2] or match[4]
    return f"{int(number) * SECONDS[unit] // FACTOR}s"


@asynccontextmanager
async def prometheus(
    service: Path, folder: Path, pages: Sequence[int]
) -> AsyncIterator[Prometheus]:
    """With the rules of the service, and these ports of /metrics."""
    port, folder = free_port(), folder / "prometheus"
    folder.mkdir()
    for rules in (service / "ops/prometheus").glob("*rules.yaml"):
        (folder / rules.name).write_text(DURATION.sub(shorten, rules.read_text()))
    targets = ", ".join(f'"127.0.0.1:{page}"' for page in pages)
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(targets=targets))
    command = [
        str(PROGRAMS / "prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with serving(command, folder, clean_environment(), port, folder) as served:
        served.wait_until_it_answers("/-/ready")
        yield Prometheus(f"http://127.0.0.1:{port}")


def exporting(page: int) -> dict[str, object]:
    """Settings of a process that has its /metrics on this port."""
    return {
        "otel_metrics_exporter": "prometheus",
        "otel_exporter_prometheus_host": "127.0.0.1",
        "otel_exporter_prometheus_port": page,
    }

"""Each alert is fired by its fault, at a real Prometheus that scrapes a real service.

Windows and `for` of the rules are shortened by one factor: an hour takes a minute.
"""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import promql_parser
import pytest

from tests.faults.client import ask, eventually
from tests.faults.conftest import Serve
from tests.faults.postgres import FaultyPostgres
from tests.faults.production import Production, Service
from tests.support.services import ROOT
from tests.support.serving import clean_environment, free_port, serving

pytestmark = [pytest.mark.slow, pytest.mark.system]

PROGRAMS = ROOT / "build/debian/usr/bin"
FACTOR = 60
SECONDS = {"m": 60, "h": 3600, "d": 86_400}
DURATION = re.compile(r"(?<=\[)(\d+)([mhd])(?=\])|(?<=for: )(\d+)([mhd])")
VARIABLES = {"$__rate_interval": "1m", "$job": ".*"}
CONFIGURATION = """
global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}
rule_files: [rules.yaml]
scrape_configs:
  - job_name: my-service
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@dataclass(frozen=True)
class Prometheus:
    """A server that knows one service, and the service."""

    url: str
    service: Service

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

    async def until_firing(self, alerts: set[str]) -> None:
        async def fire() -> bool:
            return alerts <= await self.firing()

        await eventually(fire, f"these fire: {', '.join(sorted(alerts))}", seconds=120)


Watch = Callable[..., AbstractAsyncContextManager[Prometheus]]


def shorten(match: re.Match[str]) -> str:
    number, unit = match[1] or match[3], match[2] or match[4]
    return f"{int(number) * SECONDS[unit] // FACTOR}s"


@pytest.fixture
def watch(serve: Serve, production: Production, tmp_path: Path) -> Watch:
    @asynccontextmanager
    async def watch(**settings: object) -> AsyncIterator[Prometheus]:
        port, page = free_port(), free_port()
        service = serve(
            otel_metrics_exporter="prometheus",
            otel_exporter_prometheus_host="127.0.0.1",
            otel_exporter_prometheus_port=page,
            **settings,
        )
        rules = (production.folder / "ops/prometheus/rules.yaml").read_text()
        folder = tmp_path / "prometheus"
        folder.mkdir()
        (folder / "rules.yaml").write_text(DURATION.sub(shorten, rules))
        (folder / "prometheus.yml").write_text(CONFIGURATION.format(port=page))
        command = [
            str(PROGRAMS / "prometheus"),
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with serving(command, folder, clean_environment(), port, folder) as served:
            served.wait_until_it_answers("/-/ready")
            yield Prometheus(f"http://127.0.0.1:{port}", service)

    return watch


async def usual_traffic(prometheus: Prometheus) -> None:
    """Reads and writes, until Prometheus has seen them; nothing fires."""
    for number in range(20):
        await ask(prometheus.service.port, "POST", "/items", {"name": f"lamp {number}"})
        await ask(prometheus.service.port, "GET", "/items?limit=5")
    await ask(prometheus.service.port, "POST", "/items", {"name": "lamp 1"})  # a 409

    async def is_seen() -> bool:
        return bool(await prometheus.labels("http_server_request_duration_seconds_count"))

    await eventually(is_seen, "Prometheus has seen the traffic")
    assert await prometheus.firing() == set()


@asynccontextmanager
async def traffic(port: int, method: str, path: str, clients: int = 4) -> AsyncIterator[None]:
    """The same request again and again, by several clients."""
    stopped = asyncio.Event()

    async def repeat() -> None:
        while not stopped.is_set():
            await ask(port, method, path)
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(repeat())
        try:
            yield
        finally:
            stopped.set()


def test_a_database_that_is_away_burns_the_availability(
    watch: Watch, postgres: FaultyPostgres, production: Production
) -> None:
    async def campaign() -> None:
        async with watch() as prometheus:
            await usual_traffic(prometheus)
            postgres.stop()
            async with traffic(prometheus.service.port, "GET", "/items"):
                await prometheus.until_firing(
                    {"AvailabilityBurnsFast", "AvailabilityBurnsSlowly", "DatabaseFails"}
                )
            assert not {"PoolExhausted", "MigrationBehind"} & await prometheus.firing()
            await check_names(prometheus, production.folder)

    asyncio.run(campaign())


def test_slow_answers_burn_the_latency(watch: Watch) -> None:
    async def campaign() -> None:
        async with watch() as prometheus:
            await usual_traffic(prometheus)
            async with traffic(prometheus.service.port, "GET", "/faults/sleep?seconds=0.6"):
                await prometheus.until_firing({"LatencyBurnsFast", "LatencyBurnsSlowly"})
            assert not {"AvailabilityBurnsFast", "DatabaseFails"} & await prometheus.firing()

    asyncio.run(campaign())


def test_a_pool_that_is_too_small_is_told(watch: Watch) -> None:
    async def campaign() -> None:
        async with watch(postgres_pool_size=1, postgres_pool_timeout_seconds=0.1) as prometheus:
            await usual_traffic(prometheus)
            async with traffic(prometheus.service.port, "GET", "/faults/sleep?seconds=0.3"):
                await prometheus.until_firing({"PoolExhausted"})

    asyncio.run(campaign())


def test_a_schema_that_waits_for_its_migration_is_told(watch: Watch) -> None:
    async def campaign() -> None:
        async with watch() as prometheus:
            await prometheus.service.execute("DELETE FROM alembic_version")
            await prometheus.until_firing({"MigrationBehind"})

    asyncio.run(campaign())


def expressions(folder: Path) -> list[str]:
    """All PromQL of the rules and of the dashboard."""
    rules = (folder / "ops/prometheus/rules.yaml").read_text()
    blocks = re.findall(r"expr: \|\n((?: {10}.*\n)+)", rules)
    dashboard = json.loads((folder / "ops/grafana/dashboard.json").read_text())
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    found = [*blocks, *panels]
    for name, value in VARIABLES.items():
        found = [expression.replace(name, value) for expression in found]
    return found


SELECTOR = re.compile(r"([a-z][\w:]*)(?:\{(.*?)\})?(?=[\s)\[]|$)")


def used(expression: str) -> tuple[dict[str, set[str]], set[str]]:
    """The labels that each metric is selected by, and those that results are grouped by."""
    promql_parser.parse(expression)  # raises for what is no PromQL
    told = promql_parser.parse(expression).prettify()
    grouped = {
        label.strip() for names in re.findall(r"\bby \((.*?)\)", told) for label in names.split(",")
    }
    metrics: dict[str, set[str]] = {}
    for name, matchers in SELECTOR.findall(re.sub(r"\bby \(.*?\)", "", told)):
        if "_" in name and name != "histogram_quantile":
            labels = {
                part.split("=")[0].strip(" !~") for part in re.split(r",\s*(?=\w+[=!])", matchers)
            }
            metrics.setdefault(name, set()).update(labels - {""})
    return metrics, grouped


async def check_names(prometheus: Prometheus, folder: Path) -> None:
    """Every metric and label of the rules and the dashboard is one that the service exposes."""
    found = expressions(folder)
    assert len(found) > 40
    for expression in found:
        metrics, grouped = used(expression)
        assert metrics
        for name, labels in metrics.items():
            if name == "app_postgres_certificate_expiry_seconds":
                continue  # without TLS there is none
            exposed = await prometheus.labels(name)
            assert labels | grouped <= exposed, (name, (labels | grouped) - exposed)


def test_the_tests_of_the_rules_pass(production: Production) -> None:
    promtool = [str(PROGRAMS / "promtool"), "test", "rules", "rules_test.yaml"]

    run = subprocess.run(
        promtool,
        cwd=production.folder / "ops/prometheus",
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, "")


def test_the_tests_of_the_rules_miss_each_alert_that_never_fires(
    production: Production, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(production.folder / "ops/prometheus", tmp_path / "rules"))
    rules = (folder / "rules.yaml").read_text()
    (folder / "rules.yaml").write_text(rules.replace(" for: ", " for: 9999"))

    run = subprocess.run(
        [str(PROGRAMS / "promtool"), "test", "rules", "rules_test.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1
    missed = re.findall(r"alertname: ?(\w+)", run.stdout + run.stderr)
    assert set(missed) == set(re.findall(r"- alert: (\w+)", rules))


def test_each_alert_has_a_run_book_of_five_lines_and_a_test(production: Production) -> None:
    folder = production.folder
    rules = (folder / "ops/prometheus/rules.yaml").read_text()
    tests = (folder / "ops/prometheus/rules_test.yaml").read_text()
    alerts = re.findall(r"- alert: (\w+)", rules)
    pages = dict(
        re.findall(
            r"^## (\w+)\n\n((?:.+\n)+)", (folder / "docs/alerts.md").read_text(), re.MULTILINE
        )
    )

    assert re.findall(r"runbook: docs/alerts.md#(\w+)", rules) == [a.lower() for a in alerts]
    assert set(re.findall(r"alertname: (\w+)", tests)) == set(alerts) == set(pages)
    assert {len(steps.splitlines()) for steps in pages.values()} == {5}

"""The metrics and labels that rules and dashboards use, and whether a service exposes them."""

import json
import re
from pathlib import Path

import promql_parser

from tests.alerts.prometheus import Prometheus

VARIABLES = {"$__rate_interval": "1m", "$job": ".*"}
SELECTOR = re.compile(r"([a-z][\w:]*)(?:\{(.*?)\})?(?=[\s)\[]|$)")


def expressions(file: Path) -> list[str]:
    """All PromQL of a file of rules, or of a dashboard."""
    if file.suffix == ".json":
        panels = json.loads(file.read_text())["panels"]
        found = [target["expr"] for panel in panels for target in panel["targets"]]
    else:
        found = re.findall(r"expr: \|\n((?: {10}.*\n)+)", file.read_text())
    for name, value in VARIABLES.items():
        found = [expression.replace(name, value) for expression in found]
    return found


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


async def check_names(prometheus: Prometheus, *files: Path, without: str = "") -> None:
    """Every metric and label in these files is one that the service exposes."""
    for expression in [each for file in files for each in expressions(file)]:
        metrics, grouped = used(expression)
        assert metrics
        for name, labels in metrics.items():
            if name != without:
                exposed = await prometheus.labels(name)
                assert labels | grouped <= exposed, (name, (labels | grouped) - exposed)

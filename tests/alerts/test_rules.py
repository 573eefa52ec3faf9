"""The rules are tested by Prometheus's own means, and each alert has a run book."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.alerts.names import expressions
from tests.alerts.prometheus import PROGRAMS
from tests.support.services import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.system]

OPS = ROOT / "template/ops"
RULES = sorted((OPS / "prometheus").glob("*rules.yaml"))
# Those that test_alerts.py looks up in what services expose.
LOOKED_UP = {
    "auth_rules.yaml",
    "dashboard.json",
    "jobs.json",
    "jobs_rules.yaml",
    "rules.yaml",
}


def run_tests(folder: Path, rules: str) -> "subprocess.CompletedProcess[str]":
    promtool = [str(PROGRAMS / "promtool"), "test", "rules", rules.replace(".", "_test.")]
    return subprocess.run(promtool, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("rules", [file.name for file in RULES])
def test_the_tests_of_the_rules_pass(rules: str) -> None:
    run = run_tests(OPS / "prometheus", rules)

    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("rules", [file.name for file in RULES])
def test_the_tests_of_the_rules_miss_each_alert_that_never_fires(
    rules: str, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(OPS / "prometheus", tmp_path / "rules"))
    text = (folder / rules).read_text()
    (folder / rules).write_text(text.replace(" for: ", " for: 9999"))

    run = run_tests(folder, rules)

    assert run.returncode == 1
    missed = re.findall(r"alertname: ?(\w+)", run.stdout + run.stderr)
    assert set(missed) == set(re.findall(r"- alert: (\w+)", text))


def test_each_alert_has_a_run_book_of_five_lines_and_a_test() -> None:
    rules = "".join(file.read_text() for file in RULES)
    tests = "".join(file.read_text() for file in (OPS / "prometheus").glob("*_test.yaml"))
    alerts = re.findall(r"- alert: (\w+)", rules)
    text = (ROOT / "template/docs/alerts.md").read_text()
    pages = dict(re.findall(r"^## (\w+)\n\n(?:With the .*\n\n)?((?:.+\n)+)", text, re.MULTILINE))

    assert re.findall(r"runbook: docs/alerts.md#(\w+)", rules) == [a.lower() for a in alerts]
    assert set(re.findall(r"alertname: (\w+)", tests)) == set(alerts) == set(pages)
    assert {len(re.findall(r"^\d\. ", steps, re.MULTILINE)) for steps in pages.values()} == {5}
    assert {len(steps.splitlines()) for steps in pages.values()} == {5}


def test_the_names_of_all_files_are_looked_up() -> None:
    files = {*RULES, *(OPS / "grafana").glob("*.json")}

    assert {file.name for file in files} == LOOKED_UP
    assert sum(len(expressions(file)) for file in files) > 45

"""What the captures show: somebody tries a service, and somebody looks after three."""

import os
import signal
import sysconfig
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import copier

from docs.captures import terminal
from tests.support import history, services, serving

NEWEST = "v0.4.0"
"""The release that services update to: no unreleased change of the template shows in a capture."""
SERVICES = {"payments": NEWEST, "orders": "v0.3.0", "lamps": "v0.2.0"}
COMMITTED = "2026-11-22T09:00:00Z"
WAIVER = """[[waiver]]
path = "/compose.yaml"
reason = "Waits for the new broker."
expires = {expires}
"""
CREATE = 'curl -s 127.0.0.1:8000/items --json \'{"name": "lamp"}\' | python3 -m json.tool'
FLEET = {
    "status": "fleet status payments orders lamps --conflicts",
    "policy": "fleet policy policy.toml payments orders lamps",
    "update": "fleet update payments orders lamps",
    "preset": "fleet preset preset.yml --template template",
}
RESOURCE = [
    "make resource name=order fields='number:string(20)'",
    "make resource name=order fields='number:str(20) unique, total:decimal(12,2), note:text?'",
]
PRESET = "ci: gitlab\nhttp_port: '8000.7'\n"
POLICY = 'minimum_version = "v0.4.0"\n\n[waivers]\nlongest_days = 60\n'


def demo(folder: Path) -> str:
    """`make demo` in a clone of the working tree, and two requests."""
    repository = services.snapshot(folder / "template")
    port = serving.free_port()
    command = ["make", "demo", f"PORT={port}"]
    with serving.serving(command, repository, serving.clean_environment(), port, folder) as served:
        served.wait_until_it_answers("/health/ready")
        create = CREATE.replace("8000", str(port))
        calls = [terminal.run(create, folder, dict(os.environ)) for _ in range(2)]
        os.killpg(served.process.pid, signal.SIGINT)
        served.wait()
    address = next(line for line in served.said.splitlines() if line.startswith("Docs: "))
    text = "\n".join([f"$ make demo\n...\n{address}\n", *calls])
    return text.replace(str(port), "8000")


def resource(folder: Path) -> str:
    """A mistake, and a resource, in a service of the working tree."""
    template = services.snapshot(folder / "template")
    service = services.own(services.render(template, folder / "render"), folder / "my-service")
    return "\n".join(terminal.run(command, service, dict(os.environ)) for command in RESOURCE)


def fleet(folder: Path) -> dict[str, str]:
    """Three services of three releases, two of them edited, and what `fleet` prints of them."""
    template = released(folder / "template")
    for name, version in SERVICES.items():
        start(template, folder / name, version)
    work_in(folder)
    scripts = sysconfig.get_path("scripts")
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    environment["FLEET_TEMPLATE"] = str(template)
    texts = {name: terminal.run(call, folder, environment) for name, call in FLEET.items()}
    texts["service-update"] = service_update(folder / "orders", environment)
    return {name: text.replace(soon(), "2027-03-01") for name, text in texts.items()}


def released(folder: Path) -> Path:
    """This repository with tags for its releases up to the newest that the captures show."""
    services.git(services.ROOT, "clone", "--quiet", "--no-tags", ".", str(folder))
    for release in history.releases():
        services.git(folder, "tag", "--message", release.version, release.version, release.commit)
        if release.version == NEWEST:
            break
    return folder


def start(template: Path, service: Path, version: str) -> None:
    copier.run_copy(str(template), service, vcs_ref=version, defaults=True, quiet=True)
    services.commit(service, "Start from the template")


def work_in(folder: Path) -> None:
    """What people have changed: a file that both own, and files that are the template's."""
    with (folder / "lamps/README.md").open("a") as file:
        file.write("\n## Runbook\n\nWhen the lamps go out, call Ada.\n")
    with (folder / "lamps/compose.yaml").open("a") as file:
        file.write("# The broker comes here.\n")
    (folder / "lamps/.template-waivers.toml").write_text(WAIVER.format(expires=soon()))
    makefile = folder / "orders/Makefile"
    text = makefile.read_text()
    makefile.write_text(text.replace("WEB_CONCURRENCY ?= 1", "WEB_CONCURRENCY ?= 4"))
    (folder / "policy.toml").write_text(POLICY)
    (folder / "preset.yml").write_text(PRESET)
    for name in SERVICES:
        services.commit(folder / name, "Go on")


@cache
def soon() -> str:
    """The day on which the waiver ends: further away than the policy allows."""
    return str(date.today() + timedelta(days=99))


def service_update(service: Path, environment: dict[str, str]) -> str:
    """The text of an update, without its recipes and its part of the changelog."""
    text = terminal.run("fleet service update --no-checks", service, environment)
    head, _, rest = text.partition("# To do by hand\n")
    end = rest[rest.rindex("Review with") :]
    return f"{head}# To do by hand\n\n...\n\n# What is new\n\n...\n\n{end}"

"""Renders a service and measures it against alternatives, with results in docs/benchmarks/."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import field, report, words
from benchmarks.database import migrated_database
from benchmarks.measure import measure
from benchmarks.plan import SERVICE, SIZES, Size
from benchmarks.server import SECOND, WITH_TELEMETRY, pin
from tests.support.services import ROOT, render, snapshot
from tests.support.serving import clean_environment

DOCS = ROOT / "docs" / "benchmarks"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument(
        "--service", type=Path, help="a rendered and synced service; a new one by default"
    )
    parser.add_argument("--output", type=Path, default=DOCS)
    options = parser.parse_args(arguments)
    command = " ".join(["python -m benchmarks", *arguments])
    pin(SECOND)  # this process, Postgres and the load; servers move to the other core
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        service = (options.service or new_service(place)).resolve()
        if SIZES[options.size].telemetry:
            new_service(place, service.with_name(WITH_TELEMETRY), telemetry=True)
        with migrated_database(service) as url:
            about = report.about(service, url, command)
            measured = {"about": about, **measure(service, url, SIZES[options.size])}
        measured["field"] = compared(place, SIZES[options.size])
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "results.json").write_text(json.dumps(measured, indent=1) + "\n")
    report.write(options.output)
    if options.output == DOCS and options.size == "full":
        words.write(measured, ROOT)


def compared(place: Path, size: Size) -> dict[str, Any]:
    """The service beside templates of the field, on a Python that all of them take."""
    if not size.field:
        return {"contenders": [], "loads": []}
    service = new_service(place, place / "beside-others", python=field.PYTHON)
    folders = [field.render(template, place) for template in field.TEMPLATES]
    abouts = [
        {"name": SERVICE.name, "command": "", "differs": ""},
        *(
            {"name": each.name, "command": each.rendering, "differs": each.differs}
            for each in field.TEMPLATES
        ),
    ]
    contenders = [
        about | {"versions": report.versions(folder, report.SHARED)}
        for about, folder in zip(abouts, [service, *folders], strict=True)
    ]
    loads = field.measure(service, place, size)
    return {"contenders": contenders, "loads": loads}


def new_service(
    folder: Path, service: Path | None = None, python: str | None = None, **answers: object
) -> Path:
    """A service rendered from the working tree, with its production dependencies."""
    template, service = folder / "template", service or folder / "my-service"
    render(template if template.exists() else snapshot(template), service, **answers)
    sync = [os.environ.get("UV", "uv"), "sync", "--quiet", "--no-dev"]
    sync += ["--python", python] if python else []
    subprocess.run(sync, cwd=service, env=clean_environment(), check=True)
    return service


if __name__ == "__main__":
    main(sys.argv[1:])

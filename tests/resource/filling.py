"""Services that are filled with resources, and migrated."""

import os
import shutil
from pathlib import Path

from fleet.resource.project import Project
from tests.resource.specifications import Asked, add
from tests.support import services
from tests.support.services import Environment


def fill(service: Path, environment: Environment, asked: list[Asked]) -> Path:
    """Write the resources and one migration for all of them, in a committed service."""
    sync(service, environment)
    services.commit(service, "Start from the template")
    for one in asked:
        add(Project(service), one)
    environment.run(service, "make", "migration", "m=create all")
    return service


def sync(service: Path, environment: Environment) -> None:
    """Install what its capabilities need, beside what all services do."""
    answers = Project(service).answers
    if any(answers[name] not in ("none", False) for name in ("auth", "jobs", "telemetry")):
        environment.run(service, os.environ.get("UV", "uv"), "sync", "--quiet", "--inexact")
    else:
        shutil.copy2(environment.lock, service)

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import copier
import pytest

from fleet.service import open_service
from fleet.template import Template, open_template
from fleet.update import Update, make_update
from fleet.worktree import write_update
from tests.support import history, services
from tests.support.shared import Shared

Made = Callable[[str, Mapping[str, Any], Path], Path]


@pytest.fixture(scope="session")
def releases(shared: Shared) -> Path:
    """This repository with all its releases, and the working tree as its newest version."""
    return shared.folder("releases", lambda place: history.clone(place / "template")) / "template"


@pytest.fixture(scope="session")
def released(releases: Path) -> Iterator[Template]:
    """The same, as fleet sees it."""
    with open_template(str(releases)) as template:
        yield template


@pytest.fixture(scope="session")
def rendered(releases: Path, shared: Shared) -> Callable[..., Path]:
    """`rendered(version, answers)`: what copier writes. It is shared: never write into it."""

    def rendered(version: str, answers: Mapping[str, Any]) -> Path:
        return shared.render(
            version, answers, lambda place: render(releases, place, version, answers)
        )

    return rendered


def render(releases: Path, destination: Path, version: str, answers: Mapping[str, Any]) -> Path:
    copier.run_copy(
        str(releases), destination, data=dict(answers), vcs_ref=version, defaults=True, quiet=True
    )
    return destination


@pytest.fixture
def make_service(rendered: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """`make_service(version, answers)`: a committed service, the test's own."""

    def make_service(version: str, answers: Mapping[str, Any]) -> Path:
        return services.own(rendered(version, answers), tmp_path / "my-service")

    return make_service


def update(service: Path, template: Template, **answers: object) -> Update:
    """What `make template-update DATA=...` does."""
    with open_service(service) as opened:
        made = make_update(opened, template, data=answers)
        write_update(opened.repository, made)
    return made

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scheduled_jobs.site import BODY, GH, HOOK, MAKEFILE, Site, executable
from tests.support import services
from tests.support.services import git

Render = Callable[..., Path]


@pytest.fixture
def site(render: Render, tmp_path: Path) -> Site:
    origin, service = tmp_path / "origin.git", tmp_path / "service"
    git(tmp_path, "init", "--quiet", "--bare", str(origin))
    git(origin, "config", "receive.advertisePushOptions", "true")
    executable(origin / "hooks" / "post-receive", HOOK)
    executable(tmp_path / "bin" / "gh", GH)
    (tmp_path / "temporary").mkdir()
    service.mkdir()
    (service / "Makefile").write_text(MAKEFILE)
    (service / "version").write_text("v1.1.0\n")
    services.commit(service, "Start from the template")
    git(service, "remote", "add", "origin", str(origin))
    git(service, "push", "--quiet", "origin", "main")
    workflow = render(ci="github") / ".github/workflows/template-update.yml"
    return Site(tmp_path, workflow, render(ci="gitlab") / ".gitlab-ci.yml")


@pytest.fixture
def updated(site: Site) -> Site:
    """A site whose template has a newer version."""
    site.write("body.md", BODY)
    return site

"""`deploy/overlays/local` runs: podman has the pods, and the test is the cluster around them."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.kubernetes.manifests import build
from tests.support.containers import Engine
from tests.support.figures import figure
from tests.support.pods import Balancer, Cluster, balancing, load
from tests.support.serving import until

pytestmark = [pytest.mark.slow, pytest.mark.system]

NEXT = '''"""add colour"""

from alembic import op

revision = "aaaaaaaaaaaa"
down_revision = "14824c698526"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE item ADD COLUMN colour text")
'''


@pytest.fixture(scope="module")
def next_image(
    engine: Engine, image: str, locked: Path, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Version N + 1, with a migration."""
    service = Path(shutil.copytree(locked, tmp_path_factory.mktemp("next") / "my-service"))
    (service / "migrations/versions/2026-12-01_0900_aaaaaaaaaaaa_add_colour.py").write_text(NEXT)
    engine.build(service, "localhost/my-service:next")
    return "localhost/my-service:next"


@pytest.fixture
def cluster(
    engine: Engine, image: str, render: Callable[..., Path], tmp_path: Path
) -> Iterator[Cluster]:
    """With its Postgres, which is empty."""
    engine("tag", image, "localhost/my-service:local")
    service = render(python_image_version="3.11", kubernetes=True, service_name="my-service")
    manifests = build(service / "deploy/overlays/local")
    cluster = Cluster(engine, manifests, f"net-{uuid4().hex[:8]}", tmp_path)
    engine("network", "create", cluster.network)
    try:
        cluster.keep_secrets()
        cluster.addresses["postgres"] = cluster.start("postgres", "postgres")
        ready = ("exec", cluster.container("postgres"), "pg_isready", "--host=127.0.0.1")
        until(lambda: engine.try_to(*ready).returncode == 0, "Postgres is ready")
        yield cluster
    finally:
        engine.try_to("pod", "rm", "--all", "--force", "--time=0")
        engine.try_to("secret", "rm", *manifests.names("Secret"))
        engine.try_to("network", "rm", "--force", cluster.network)


@pytest.fixture
def balancer(cluster: Cluster) -> Iterator[Balancer]:
    with balancing(cluster.manifests) as balancer:
        yield balancer


def roll_out(cluster: Cluster, balancer: Balancer, image: str | None, *names: str) -> None:
    """Start pods, and wait until they are ready."""
    for name in names:
        balancer.pods[name] = cluster.start(name, "web", image)
    balancer.wait_for(*names)


def test_the_pods_become_ready_when_the_schema_is_there(
    cluster: Cluster, balancer: Balancer
) -> None:
    balancer.pods["web-1"] = cluster.start("web-1", "web")
    until(lambda: "web-1" in balancer.failures, "the probe has asked")
    before = balancer.ready

    assert cluster.run_to_completion("migrate-1", "migrate") == 0
    balancer.wait_for("web-1")

    assert before == []


def test_the_service_survives_the_kill_of_a_pod(cluster: Cluster, balancer: Balancer) -> None:
    cluster.run_to_completion("migrate-1", "migrate")
    roll_out(cluster, balancer, None, "web-1", "web-2")

    with load(balancer) as running:
        until(lambda: len(running.statuses) > 50, "requests are answered")
        cluster.engine("kill", "--signal=KILL", cluster.container("web-1"))
        until(lambda: balancer.ready == ["web-2"], "the probe has noticed")
        noticed, answered = time.monotonic(), len(running.statuses)
        until(lambda: len(running.statuses) > answered + 50, "requests are answered")
        del balancer.pods["web-1"]  # it may be back: podman starts its container again
        running.wait_for_all_since(time.monotonic())
        cluster.engine("pod", "rm", "--force", "--time=0", "web-1")
        roll_out(cluster, balancer, None, "web-3")  # the controller's part
        answered = len(running.statuses)
        until(lambda: len(running.statuses) > answered + 50, "both pods answer")

    assert set(running.statuses) - {None} == {200, 201}
    assert [began for began in running.unanswered if began > noticed] == []
    figure(
        "a pod is killed",
        requests=len(running.statuses),
        without_an_answer=running.statuses.count(None),
    )


def test_a_roll_out_under_load_fails_no_request(
    cluster: Cluster, balancer: Balancer, next_image: str
) -> None:
    cluster.run_to_completion("migrate-1", "migrate")
    roll_out(cluster, balancer, None, "web-1", "web-2")
    codes = []

    with load(balancer) as running:
        until(lambda: len(running.statuses) > 50, "requests are answered")
        assert cluster.run_to_completion("migrate-2", "migrate", next_image) == 0
        for old, new in (("web-1", "web-3"), ("web-2", "web-4")):
            roll_out(cluster, balancer, next_image, new)
            codes.append(cluster.stop(old))
            del balancer.pods[old]
        answered = len(running.statuses)
        until(lambda: len(running.statuses) > answered + 50, "the new pods answer")

    question = ["psql", "--username", "postgres", "app", "--no-align", "--tuples-only", "--command"]
    rows = cluster.engine(
        "exec", cluster.container("postgres"), *question, "SELECT name FROM item"
    ).split()
    assert codes == [0, 0]
    assert set(running.statuses) == {200, 201}
    assert running.acknowledged == set(rows)
    figure(
        "a roll-out from N to N + 1",
        requests=len(running.statuses),
        failed=0,
        acknowledged=len(rows),
        longest_seconds=running.longest,
    )

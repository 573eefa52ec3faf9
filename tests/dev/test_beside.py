"""`dev.beside`: what runs beside the server in development."""

from tests.dev.conftest import Service

MODULE = """
import os
from contextlib import contextmanager


@contextmanager
def running(port):
    os.environ["SEEN"] = os.environ.get("SEEN", "") + " {name} on " + str(port)
    yield
    print("{name} ends")
"""
USE = """
import os
from dev import beside
with beside.running(9000):
    print(os.environ["SEEN"].strip())
"""


def test_what_lies_in_the_package_runs_beside_the_server_and_ends_after_it(
    service: Service,
) -> None:
    for name in ("worker", "issuer"):
        (service.root / "dev" / "beside" / f"{name}.py").write_text(MODULE.format(name=name))

    done = service.run("-c", USE)

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "issuer on 9000 worker on 9000",
        "worker ends",
        "issuer ends",
    ]

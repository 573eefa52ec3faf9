"""Which of several hosts a service connects to, beside what libpq does."""

import asyncio
import json
import subprocess
from urllib.parse import quote

import pytest

from tests.faults.client import ask
from tests.faults.conftest import Serve
from tests.faults.postgres import FaultyPostgres
from tests.support.figures import figure
from tests.support.serving import sql

pytestmark = pytest.mark.slow

TARGETS = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")


def port_by_libpq(server: FaultyPostgres, url: str) -> int | None:
    """Of the host that psql connects to."""
    command = server.command("psql", url, "--no-psqlrc", "-Atc", "SELECT inet_server_port()")
    result = subprocess.run(**command, check=False, capture_output=True, text=True)
    return int(result.stdout) if result.returncode == 0 else None


@pytest.mark.parametrize("read_only", [False, True], ids=["usual", "a read-only default"])
def test_each_engine_connects_to_the_host_that_libpq_chooses(
    serve: Serve, primary: FaultyPostgres, standby: FaultyPostgres, read_only: bool
) -> None:
    if read_only:
        sql(primary.url(), "ALTER DATABASE service SET default_transaction_read_only = on")
    service = serve(primary.url("service"))
    hosts = {
        name: ",".join(f"127.0.0.1:{server.port}" for server in servers)
        for name, servers in {
            "the primary first": (primary, standby),
            "the standby first": (standby, primary),
            "the primary alone": (primary,),
            "the standby alone": (standby,),
        }.items()
    }

    async def campaign() -> None:
        chosen = {}
        for order, listed in hosts.items():
            for target in (None, *TARGETS):
                parameter = f"?target_session_attrs={target}" if target else ""
                url = f"postgresql://postgres@{listed}/service{parameter}"
                answer = await ask(service.port, "GET", f"/faults/servers?url={quote(url)}")
                expected = await asyncio.to_thread(port_by_libpq, primary, url)
                assert json.loads(answer.body) == {
                    "write": expected,
                    "read": expected,
                    "probe": expected,
                }, (order, target)
                chosen[order, target] = expected

        assert None in chosen.values()
        assert {primary.port, standby.port} < set(chosen.values())
        figure("target_session_attrs as in libpq", urls=len(chosen), engines=3)

    asyncio.run(campaign())

"""TLS to Postgres as libpq has it: what is encrypted, who is believed, and who may enter."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest
import trustme

from tests.faults.conftest import Serve
from tests.faults.postgres import FaultyPostgres, faulty_postgres
from tests.faults.production import Production
from tests.support.serving import sql

pytestmark = [pytest.mark.slow, pytest.mark.system]

DEBIAN = "/usr/lib/postgresql/15/bin"  # The Postgres of the wheel has no TLS.
PASSWORD = "p@ss:/w%rd ℀[?#"
HBA = """
local all all trust
hostssl all certified 127.0.0.1/32 cert
hostssl all lamps 127.0.0.1/32 scram-sha-256
"""
ENCRYPTED = {
    "require": "lamps:{password}@127.0.0.1:{port}/postgres?sslmode=require",
    "verify-ca": "lamps:{password}@127.0.0.1:{port}/postgres?sslmode=verify-ca&sslrootcert={ca}",
    "verify-full": "lamps:{password}@localhost:{port}/postgres?sslmode=verify-full"
    "&sslrootcert={ca}",
    "a client's certificate": "certified@localhost:{port}/postgres?sslmode=verify-full"
    "&sslrootcert={ca}&sslcert={certificate}&sslkey={key}",
}
REFUSED = {
    "no TLS": "lamps:{password}@127.0.0.1:{port}/postgres?sslmode=disable",
    "an unknown authority": "lamps:{password}@localhost:{port}/postgres?sslmode=verify-full"
    "&sslrootcert={other_ca}",
    "another name": "lamps:{password}@127.0.0.1:{port}/postgres?sslmode=verify-full"
    "&sslrootcert={ca}",
    "no certificate of the client": "certified@localhost:{port}/postgres?sslmode=require",
    "a wrong password": "lamps:{password}x@localhost:{port}/postgres?sslmode=require",
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of an authority, of the server and the client that it vouches for, and of another."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    server = authority.issue_cert("localhost")
    client = authority.issue_cert(common_name="certified")
    blobs = {
        "ca": authority.cert_pem,
        "other_ca": trustme.CA().cert_pem,
        "server": server.cert_chain_pems[0],
        "server_key": server.private_key_pem,
        "certificate": client.cert_chain_pems[0],
        "key": client.private_key_pem,
    }
    for name, blob in blobs.items():
        blob.write_to_path(folder / name)
        (folder / name).chmod(0o600)
    return {name: folder / name for name in blobs}


@pytest.fixture(scope="module")
def tls_server(production: Production, certificates: dict[str, Path]) -> Iterator[FaultyPostgres]:
    """A migrated database, which can be entered over TCP by TLS only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PG_BIN_DIR", DEBIAN)
        with faulty_postgres() as server:
            url = server.socket_url()
            sql(url, f"CREATE ROLE lamps LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
            sql(url, "CREATE ROLE certified LOGIN SUPERUSER")
            production.run("alembic", "upgrade", "head", POSTGRES_URL=url)
            server.stop()
            (server.folder / "data/pg_hba.conf").write_text(HBA)
            for name in ("ca", "server", "server_key"):
                shutil.copy2(certificates[name], server.folder)
            server.account.give(server.folder, server.as_whom)
            server.start(
                ssl="on",
                ssl_ca_file=f"{server.folder}/ca",
                ssl_cert_file=f"{server.folder}/server",
                ssl_key_file=f"{server.folder}/server_key",
            )
            yield server


@pytest.fixture
def url_of(tls_server: FaultyPostgres, certificates: dict[str, Path]) -> Callable[[str], str]:
    def url_of(url: str) -> str:
        password = quote(PASSWORD, safe="")
        return f"postgresql://{url}".format(port=tls_server.port, password=password, **certificates)

    return url_of


@pytest.mark.parametrize("url", ENCRYPTED.values(), ids=ENCRYPTED)
def test_a_service_enters_by_tls(url: str, serve: Serve, url_of: Callable[[str], str]) -> None:
    service = serve(url_of(url))

    service.served.wait_until_it_answers("/health/ready")

    assert service.served.request("POST", "/items", json={"name": uuid4().hex}).status_code == 201


@pytest.mark.parametrize("url", REFUSED.values(), ids=REFUSED)
def test_a_service_that_may_not_enter_is_not_ready_and_tells_no_password(
    url: str, serve: Serve, url_of: Callable[[str], str]
) -> None:
    service = serve(url_of(url))

    assert service.served.get("/health/ready").status_code == 503
    assert service.served.get("/items").status_code == 503
    assert [
        form for form in (PASSWORD, quote(PASSWORD, safe="")) if form in service.served.said
    ] == []

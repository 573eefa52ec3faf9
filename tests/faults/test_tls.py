"""TLS to Postgres as libpq has it: what is encrypted, who is believed, and who may enter."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
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
hostnossl all anybody 127.0.0.1/32 trust
"""
ENCRYPTED = {
    "require": "lamps:{password}@127.0.0.1:{port}/postgres?sslmode=require",
    "verify-ca": "lamps:{password}@127.0.0.1:{port}/postgres?sslmode=verify-ca&sslrootcert={ca}",
    "verify-full": "lamps:{password}@localhost:{port}/postgres?sslmode=verify-full"
    "&sslrootcert={ca}",
    "a client's certificate": "certified@localhost:{port}/postgres?sslmode=verify-full"
    "&sslrootcert={ca}&sslcert={certificate}&sslkey={key}",
}
# The role "anybody" may enter without TLS, so that a fallback to it would succeed.
REFUSED = {
    "no TLS": (
        "lamps:{password}@127.0.0.1:{port}/postgres?sslmode=disable",
        "no encryption",
    ),
    "an unknown authority": (
        "anybody@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={other_ca}",
        "The certificate of Postgres is not accepted: ",
    ),
    "another name": (
        "anybody@127.0.0.1:{port}/postgres?sslmode=verify-full&sslrootcert={ca}",
        "The certificate of Postgres is not accepted: IP address mismatch,"
        " certificate is not valid for '127.0.0.1'.",
    ),
    "a certificate that has expired": (
        "anybody@localhost:{expired_port}/postgres?sslmode=verify-full&sslrootcert={ca}",
        "The certificate of Postgres is not accepted: certificate has expired.",
    ),
    "a server without TLS": (
        "anybody@localhost:{plain_port}/postgres?sslmode=require",
        "rejected SSL upgrade",
    ),
    "no certificate of the client": (
        "certified@localhost:{port}/postgres?sslmode=require",
        "connection requires a valid client certificate",
    ),
    "a wrong password": (
        "lamps:{password}x@localhost:{port}/postgres?sslmode=require",
        'password authentication failed for user "lamps"',
    ),
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of an authority, of the servers and the client that it vouches for, and of another."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    server = authority.issue_cert("localhost")
    past = datetime.now(UTC) - timedelta(days=1)
    expired = authority.issue_cert("localhost", not_after=past)
    client = authority.issue_cert(common_name="certified")
    blobs = {
        "ca": authority.cert_pem,
        "other_ca": trustme.CA().cert_pem,
        "server": server.cert_chain_pems[0],
        "server_key": server.private_key_pem,
        "expired": expired.cert_chain_pems[0],
        "expired_key": expired.private_key_pem,
        "certificate": client.cert_chain_pems[0],
        "key": client.private_key_pem,
    }
    for name, blob in blobs.items():
        blob.write_to_path(folder / name)
        (folder / name).chmod(0o600)
    return {name: folder / name for name in blobs}


@contextmanager
def tls_server(
    production: Production, certificates: dict[str, Path], name: str, **settings: str
) -> Iterator[FaultyPostgres]:
    """A migrated database, with the certificate of this name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PG_BIN_DIR", DEBIAN)
        with faulty_postgres() as server:
            url = server.socket_url()
            sql(url, f"CREATE ROLE lamps LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
            sql(url, "CREATE ROLE certified LOGIN SUPERUSER")
            sql(url, "CREATE ROLE anybody LOGIN SUPERUSER")
            production.run("alembic", "upgrade", "head", POSTGRES_URL=url)
            server.stop()
            (server.folder / "data/pg_hba.conf").write_text(HBA)
            for file in ("ca", name, f"{name}_key"):
                shutil.copy2(certificates[file], server.folder)
            server.account.give(server.folder, server.as_whom)
            files = {"ssl_ca_file": "ca", "ssl_cert_file": name, "ssl_key_file": f"{name}_key"}
            paths = {setting: f"{server.folder}/{file}" for setting, file in files.items()}
            server.start(**{"ssl": "on"} | paths | settings)
            yield server


@pytest.fixture(scope="module")
def servers(production: Production, certificates: dict[str, Path]) -> Iterator[dict[str, int]]:
    """The ports of a server with a good certificate, of one with an old one, and of one without."""
    with (
        tls_server(production, certificates, "server") as good,
        tls_server(production, certificates, "expired") as expired,
        tls_server(production, certificates, "server", ssl="off") as plain,
    ):
        yield {"port": good.port, "expired_port": expired.port, "plain_port": plain.port}


@pytest.fixture
def url_of(servers: dict[str, int], certificates: dict[str, Path]) -> Callable[[str], str]:
    def url_of(url: str) -> str:
        password = quote(PASSWORD, safe="")
        return f"postgresql://{url}".format(password=password, **servers, **certificates)

    return url_of


@pytest.mark.parametrize("url", ENCRYPTED.values(), ids=ENCRYPTED)
def test_a_service_enters_by_tls(url: str, serve: Serve, url_of: Callable[[str], str]) -> None:
    service = serve(url_of(url))

    service.served.wait_until_it_answers("/health/ready")
    written = service.served.request("POST", "/items", json={"name": uuid4().hex})
    read = service.served.get("/items")
    name = f"application_name = 'my-service-{service.pid}'"
    encrypted = (
        f"SELECT count(*), bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
        f" WHERE {name}"
    )

    assert (written.status_code, read.status_code) == (201, 200)
    assert asyncio.run(service.sql(encrypted)) == [(3, True)]  # writes, reads, probes


def test_a_role_that_may_enter_without_tls_does_so_where_it_is_not_wanted(
    serve: Serve, url_of: Callable[[str], str]
) -> None:
    """Else the refusals below would show nothing."""
    service = serve(url_of("anybody@localhost:{port}/postgres?sslmode=disable"))

    service.served.wait_until_it_answers("/health/ready")


@pytest.mark.parametrize(("url", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_service_that_may_not_enter_is_not_ready_and_tells_why_and_no_password(
    url: str, sentence: str, serve: Serve, url_of: Callable[[str], str]
) -> None:
    service = serve(url_of(url))

    assert service.served.get("/health/ready").status_code == 503
    assert service.served.get("/items").status_code == 503
    [warning] = [line for line in service.log if line["level"] == "warning"]
    assert sentence in warning["reason"]
    assert [
        form for form in (PASSWORD, quote(PASSWORD, safe="")) if form in service.served.said
    ] == []

"""Templates of the field beside the service: rendered from their releases, asked for their own
example, served by the same command."""

import os
import random
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2

from benchmarks import checks
from benchmarks.database import execute
from benchmarks.measure import JSON, PER_SECOND, Load, Row, sample
from benchmarks.plan import ROWS, SERVICE, WARM_UP, Contender, Request, Size
from benchmarks.server import Server, environment, python, run
from tests.faults.postgres import FaultyPostgres, faulty_postgres
from tests.support.serving import clean_environment

PYTHON = ">=3.12"  # what all of them take
SECRET = "a-secret-of-a-benchmark-which-signs-nothing-else"


@dataclass(frozen=True)
class Example:
    """The example resource of a template: what it is asked for, and where its rows are."""

    path: str
    table: str
    body: str
    page: str
    """The query of a list of 20. `{}` is where it begins."""
    create: str = "POST"
    has_one: bool = True
    login: str = ""
    """The path below which a caller registers and logs in, if it wants one."""


@dataclass(frozen=True)
class Template:
    """A release of a template, and how its service is started."""

    distribution: str
    version: str
    command: str
    """What renders `my_service` into the working folder."""
    folder: str
    app: str
    example: Example
    ready: str
    """The path of a probe."""
    differs: str
    """What it does otherwise, and a reader of its figures must know."""
    settings: dict[str, str] = field(hash=False)
    """Its environment variables. What stands in braces are parts of the URL of the database."""
    flags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.distribution} {self.version}"

    @property
    def rendering(self) -> str:
        return f"uvx --from {self.distribution}=={self.version} {self.command}"

    def environment(self, url: str) -> dict[str, str]:
        parts = urlsplit(url)
        where = {
            "host": parts.hostname,
            "port": parts.port,
            "user": parts.username,
            "database": parts.path[1:],
        }
        return {name: value.format(**where) for name, value in self.settings.items()}


TEMPLATES = (
    Template(
        "fastapi_template",
        "6.1.2",
        "fastapi_template --quiet --name my_service --api-type rest --db postgresql "
        "--orm sqlalchemy --ci none --migrations --dummy --routers",
        "my_service",
        "my_service.web.application:get_app",
        Example(
            "/api/dummy/",
            "dummy_model",
            '{{"name": "{}"}}',
            "?limit=20&offset={}",
            create="PUT",
            has_one=False,
        ),
        "/api/health",
        "commits after the response was sent, and lists without an order",
        {
            "MY_SERVICE_DB_HOST": "{host}",
            "MY_SERVICE_DB_PORT": "{port}",
            "MY_SERVICE_DB_USER": "{user}",
            "MY_SERVICE_DB_BASE": "{database}",
        },
        ("--factory",),
    ),
    Template(
        "fastapi-fullstack",
        "0.2.21",
        "fastapi-fullstack create my_service --ai-framework none --no-logfire --no-docker "
        "--ci none --reverse-proxy none --frontend none --example-resource",
        "my_service/backend",
        "app.main:app",
        Example(
            "/api/v1/items",
            "items",
            '{{"name": "{}", "description": "seven watts"}}',
            "?limit=20&skip={}",
            login="/api/v1/auth",
        ),
        "/api/v1/health",
        "verifies a token and reads its user for each request, and counts all rows for a list",
        {
            "POSTGRES_HOST": "{host}",
            "POSTGRES_PORT": "{port}",
            "POSTGRES_USER": "{user}",
            "POSTGRES_DB": "{database}",
            "ENVIRONMENT": "production",
            "SECRET_KEY": SECRET,
            "API_KEY": SECRET,
        },
    ),
)
OURS = Example(
    "/items", "item", '{{"name": "{}", "attributes": {{"watts": 7}}}}', "?limit=20&after={}"
)


@dataclass
class Running:
    """A service that is served, with `ROWS` rows."""

    server: Server
    example: Example
    database: str
    token: str
    rows: list[str]
    cursors: list[str]

    @property
    def works(self) -> tuple[str, ...]:
        return ("GET one",) * self.example.has_one + ("list 20", "create one")

    def requests(self, work: str, count: int) -> list[Request]:
        example = self.example
        if work == "GET one":
            paths = [f"{example.path}/{row}" for row in self.rows]
            return [Request("GET", random.choice(paths)) for _ in range(count)]
        if work == "list 20":
            return [Request("GET", random.choice(self.cursors)) for _ in range(count)]
        bodies = (example.body.format(uuid4()) for _ in range(count))
        return [Request(example.create, example.path, body) for body in bodies]

    def reset(self) -> None:
        """Have the rows again that there were before the first load."""
        table = self.example.table
        refill = f"INSERT INTO {table} SELECT * FROM rows_of_{table}"
        execute(self.database, f"TRUNCATE {table}", refill, f"VACUUM ANALYZE {table}", "CHECKPOINT")


def measure(service: Path, place: Path, size: Size) -> list[Row]:
    """Loads at 32 connections of the service and of what was rendered below the place, in turns."""
    with ExitStack() as stack:
        postgres = stack.enter_context(faulty_postgres())
        running = [stack.enter_context(_serve_service(service, postgres))]
        running += [stack.enter_context(_serve(each, place, postgres)) for each in TEMPLATES]
        return list(_rounds(running, size))


def _rounds(running: Sequence[Running], size: Size) -> Iterator[Row]:
    for number in size.numbers:
        for each in running:
            each.reset()
        for work in ("GET one", "list 20", "create one"):
            seconds = 1 if number == WARM_UP else size.seconds_at_32
            given = Load(work, 32, seconds, number)
            for each in running:
                if work in each.works:
                    requests = each.requests(work, given.seconds * PER_SECOND)
                    row = sample(each.server, given, requests, each.token)
                    yield from () if number == WARM_UP else (row,)


@contextmanager
def _serve_service(service: Path, postgres: FaultyPostgres) -> Iterator[Running]:
    url = _database(postgres, "service")
    settings = environment(SERVICE, service, url)
    _migrate(service, settings)
    with run(SERVICE, service, settings, OURS.path) as server:
        yield _filled(server, OURS, url)


@contextmanager
def _serve(template: Template, place: Path, postgres: FaultyPostgres) -> Iterator[Running]:
    folder = _folder(template, place)
    url = _database(postgres, template.app.partition(".")[0])
    settings = clean_environment(**template.environment(url))
    _migrate(folder, settings)
    contender = Contender(template.name, template.app)
    with run(contender, folder, settings, template.ready, *template.flags) as server:
        yield _filled(server, template.example, url)


def render(template: Template, place: Path) -> Path:
    """Have the template's own command write its service below the place, and install it."""
    uv = os.environ.get("UV", "uv")
    working = place / template.distribution
    working.mkdir()
    _, *command = template.rendering.split()
    subprocess.run([uv, "tool", "run", *command], cwd=working, env=clean_environment(), check=True)
    sync = [uv, "sync", "--quiet", "--no-dev", "--python", PYTHON]
    folder = _folder(template, place)
    subprocess.run(sync, cwd=folder, env=clean_environment(), check=True)
    return folder


def _folder(template: Template, place: Path) -> Path:
    return place / template.distribution / template.folder


def _database(postgres: FaultyPostgres, name: str) -> str:
    execute(postgres.url(), f"CREATE DATABASE {name}")
    return postgres.url(name)


def _migrate(folder: Path, settings: dict[str, str]) -> None:
    command = [python(folder), "-m", "alembic", "upgrade", "head"]
    subprocess.run(command, cwd=folder, env=settings, check=True, capture_output=True)


def _filled(server: Server, example: Example, database: str) -> Running:
    """Make `ROWS` rows as a client does, and keep a copy of them."""
    with httpx2.Client(base_url=server.url, trust_env=False, headers=JSON) as client:
        token = _log_in(client, example.login) if example.login else ""
        if token:
            client.headers["Authorization"] = f"Bearer {token}"
        for number in range(ROWS):
            body = example.body.format(f"lamp {number}")
            client.request(example.create, example.path, content=body).raise_for_status()
        pages = [f"{example.path}{example.page.format(each)}" for each in _pages(server, example)]
        shown = client.get(pages[0]).raise_for_status().json()
        assert len(shown["items"] if isinstance(shown, dict) else shown) == 20, shown
    execute(database, f"CREATE TABLE rows_of_{example.table} AS TABLE {example.table}")
    ids = execute(database, f"SELECT string_agg(id::text, ' ') FROM {example.table}").split()
    return Running(server, example, database, token, ids, pages)


def _pages(server: Server, example: Example) -> Sequence[object]:
    """Where lists begin: after cursors, or at offsets."""
    return checks.cursors(server.url) if example is OURS else range(0, ROWS - 100, 100)


def _log_in(client: httpx2.Client, path: str) -> str:
    """The access token of a new user."""
    email, password = "bench@example.com", SECRET
    registered = client.post(f"{path}/register", json={"email": email, "password": password})
    registered.raise_for_status()
    form = {"username": email, "password": password}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post(f"{path}/login", data=form, headers=headers).raise_for_status()
    return str(answer.json()["access_token"])

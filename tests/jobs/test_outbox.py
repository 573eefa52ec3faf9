"""The webhook of docs/jobs.md, word for word, with a receiver that fails now and then."""

import base64
import hashlib
import hmac
import json
import re
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.faults.postgres import faulty_postgres
from tests.support.edits import replace
from tests.support.services import Environment
from tests.support.serving import sql, until

pytestmark = pytest.mark.slow
SECRET = "of-webhooks"
PUBLISH = """
import asyncio
from app.core.config import settings
from app.core.database import Base, open_database
from app.webhooks import service

async def main():
    async with open_database(settings) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        for number in range(4):
            for key in "ab":
                async with database.session() as session:
                    await service.publish(session, key=key, data={"number": number})
        async with database.session() as session:
            await service.publish(session, key="a", data={"number": "rolled back"})
            await session.rollback()

asyncio.run(main())
"""


class Receiver(ThreadingHTTPServer):
    """Answers 500 to the first three deliveries, and keeps the others."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.failures = 3
        self.received: dict[str, list[int]] = defaultdict(list)
        self.unsigned: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        sent = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode()
        signature = base64.b64encode(hmac.digest(SECRET.encode(), sent + body, hashlib.sha256))
        if self.headers["webhook-signature"] != f"v1,{signature.decode()}":
            self.server.unsigned.append(body.decode())
        if fails := self.server.failures > 0:
            self.server.failures -= 1
        else:
            event = json.loads(body)
            self.server.received[event["key"]].append(event["data"]["number"])
        self.send_response(500 if fails else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


def follow(service: Path) -> None:
    """Write the recipe's files and settings into the service."""
    page = (service / "docs" / "jobs.md").read_text()
    files = re.findall(r"```python\n# (app/webhooks/\w+\.py)\n(.*?)```", page, re.DOTALL)
    assert [Path(file).name for file, _ in files] == ["models.py", "jobs.py", "service.py"]
    (service / "app" / "webhooks").mkdir()
    for file, text in files:
        (service / file).write_text(text)
    mark = "    # The service's own settings:\n"
    settings = f"{mark}    webhook_url: str\n    webhook_secret: SecretStr\n"
    replace(service / "app" / "core" / "config.py", mark, settings)


def test_events_arrive_signed_in_the_order_of_their_key_though_the_receiver_fails(
    service_with_jobs: Path, environment_of_jobs: Environment
) -> None:
    follow(service_with_jobs)
    python = str(environment_of_jobs.folder / "bin" / "python")

    with receiving() as receiver, faulty_postgres() as server:
        variables: dict[str, Any] = environment_of_jobs.variables | {
            "POSTGRES_URL": server.url(),
            "ENVIRONMENT": "production",
            "JOBS_RETRY_SECONDS": "0.01",
            "WEBHOOK_URL": f"http://127.0.0.1:{receiver.server_port}/",
            "WEBHOOK_SECRET": SECRET,
        }
        command: dict[str, Any] = {"cwd": service_with_jobs, "env": variables}
        subprocess.run([python, "-m", "alembic", "upgrade", "head"], check=True, **command)
        subprocess.run([python, "-c", PUBLISH], check=True, **command)
        worker = subprocess.Popen([python, "-m", "app.worker"], **command)
        try:
            left = "SELECT count(*) FROM jobs.pgqueuer"
            until(lambda: sql(server.url(), left) == [(0,)], "all is delivered")
        finally:
            worker.terminate()
            assert worker.wait(60) == 0

    assert receiver.received == {"a": [0, 1, 2, 3], "b": [0, 1, 2, 3]}
    assert receiver.unsigned == []

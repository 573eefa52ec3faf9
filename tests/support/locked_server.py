"""A server of git that lets nobody in, and remembers who knocked."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer


@dataclass
class Lock:
    """The address of the server, and the user names and passwords that it was given."""

    address: str = ""
    given: list[str] = field(default_factory=list)


@contextmanager
def locked_server() -> Iterator[Lock]:
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if credentials := self.headers["Authorization"]:
                lock.given.append(base64.b64decode(credentials.removeprefix("Basic ")).decode())
            self.send_response(403 if credentials else 401)
            self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        lock.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield lock
        finally:
            server.shutdown()
            thread.join()

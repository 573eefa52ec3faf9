import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

ROOT = Path(__file__).parents[2]
# In a process of its own: this one has loaded the service, which configures the log too.
CODE = """
import logging
from uvicorn import Config

Config("app.main:app", log_config="app/server/uvicorn_log.json")
logging.getLogger("uvicorn.error").info("Started parent process [7]")
logging.getLogger("uvicorn.access").info("GET / 200")
"""


async def test_uvicorn_logs_as_the_service_before_it_has_loaded_it() -> None:
    environment = os.environ | {"ENVIRONMENT": "production"}

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CODE), cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE
    )
    said, errors = await process.communicate()

    assert errors == b""
    [line] = map(json.loads, said.splitlines())
    assert line == line | {
        "event": "Started parent process [7]",
        "level": "info",
        "logger": "uvicorn.error",
    }
    assert {"service", "version", "timestamp"} <= set(line)

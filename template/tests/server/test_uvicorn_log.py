import json
import logging
from pathlib import Path

import pytest
from uvicorn import Config

LOG_CONFIG = Path(__file__).parents[2] / "app" / "server" / "uvicorn_log.json"


def test_uvicorn_logs_as_the_service_before_it_has_loaded_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Config("app.main:app", log_config=str(LOG_CONFIG))

    logging.getLogger("uvicorn.error").info("Started parent process [7]")
    logging.getLogger("uvicorn.access").info("GET / 200")

    said = capsys.readouterr()
    [line] = map(json.loads, said.out.splitlines())
    assert line == line | {
        "event": "Started parent process [7]",
        "level": "info",
        "logger": "uvicorn.error",
    }
    assert {"service", "version", "timestamp"} <= set(line)
    assert said.err == ""

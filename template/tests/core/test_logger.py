import asyncio
import json
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from structlog.contextvars import bind_contextvars, clear_contextvars

from app.core.config import PROJECT, Settings
from app.core.database import open_database
from app.core.logger import configure_logging, logger

URL = "postgresql://app:hunt%2Fer2@127.0.0.1:1/app"


@pytest.fixture
def production() -> Iterator[Settings]:
    settings = Settings(environment="production", postgres_url=URL)
    logging.captureWarnings(capture=False)  # pytest has put its own hook back since the last test
    configure_logging(settings)
    yield settings
    logging.captureWarnings(capture=False)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_logger_writes_json_in_production(
    production: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    logger.info("Sold %s.", "a lamp", price=3)
    logging.getLogger("uvicorn.error").warning("Stopped after %d s.", 3)
    logging.getLogger("sqlalchemy.engine").error("Lost.")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("Old.", DeprecationWarning, stacklevel=1)

    written = lines(capsys)

    assert [(line["logger"], line["level"]) for line in written] == [
        ("app", "info"),
        ("uvicorn.error", "warning"),
        ("sqlalchemy.engine", "error"),
        ("py.warnings", "warning"),
    ]
    assert [line["event"] for line in written[:2]] == ["Sold a lamp.", "Stopped after 3 s."]
    assert written[0]["price"] == 3


def test_a_traceback_stays_in_its_line(
    production: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        raise RuntimeError("no")
    except RuntimeError:
        logger.exception("Failed.")

    [line] = lines(capsys)
    assert line["exception"].splitlines()[-1] == "RuntimeError: no"


def test_the_level_is_a_setting(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_level="WARNING", log_format="json"))

    logger.info("Not this.")
    logger.warning("This.")

    assert [line["event"] for line in lines(capsys)] == ["This."]


def test_people_get_readable_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_format="pretty"))

    logger.info("Sold.", price=3)

    assert "Sold." in capsys.readouterr().out


async def test_a_request_is_one_line_of_a_terminal(
    client: AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(Settings(log_format="pretty"))

    await client.get("/nowhere")

    [line] = [line for line in capsys.readouterr().out.splitlines() if "unknown" in line]
    text = re.sub(r"\x1b\[\d+m", "", line).removesuffix(" subject=tester")  # which `auth` adds
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d \[info +\] GET unknown 404 + duration_ms=[\d.]+ sql_count=0", text
    )
    assert len(text) <= 80


def test_each_line_names_the_service_and_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_format="json", service_name="shop"))

    logger.info("Sold.")
    logging.getLogger("somebody.else").error("No.")

    told = [(line["service"], line["version"]) for line in lines(capsys)]
    assert told == [("shop", PROJECT["version"])] * 2


@pytest.mark.parametrize("secret", ["hunt%2Fer2", "hunt/er2", URL])
async def test_no_logger_writes_a_secret(
    production: Settings, capsys: pytest.CaptureFixture[str], secret: str
) -> None:
    logger.info("It is %s.", secret, also=secret)
    for name in ("uvicorn.error", "sqlalchemy.engine", "somebody.else"):
        logging.getLogger(name).error("It is %s.", secret)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"It is {secret}.", UserWarning, stacklevel=1)
    try:
        raise RuntimeError(secret)
    except RuntimeError:
        logger.exception("Failed.")

    written = capsys.readouterr().out

    assert written.count("***") >= 6
    assert secret not in written


async def test_a_failed_connection_does_not_show_the_password(
    production: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_database(production) as database, asyncio.timeout(5):
        try:
            async with database.read() as session:
                await session.execute(text("SELECT 1"))
        except SQLAlchemyError:
            logger.exception("Failed.", url=URL)

    [line] = lines(capsys)
    assert "hunt" not in str(line)


def test_credentials_of_clients_are_not_written(
    production: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    logger.info("https://user:hunter2@example.org/", headers={"authorization": "Bearer hunter2"})
    logging.getLogger("somebody.else").error("X-Api-Key: %s", "hunter2")

    assert "hunter2" not in capsys.readouterr().out


async def test_long_values_are_shortened(
    production: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "x" * 1_000_000
    bind_contextvars(user=long)
    logger.info(f"Sold {long}.", what=long, parts=[long], names={"a": long}, data=long.encode())
    try:
        raise RuntimeError(long)
    except RuntimeError:
        logging.getLogger("somebody.else").exception("Failed: %s", long)

    sold, failed = lines(capsys)
    lengths = {name: len(value) for name, value in (sold | failed).items()}
    clear_contextvars()
    assert {name for name, length in lengths.items() if 10_000 < length < 10_100} == {
        *("event", "what", "parts", "names", "data", "user", "exception")
    }
    assert max(lengths.values()) < 10_100
    assert failed["exception"].startswith("Traceback (most recent call last)")


def test_every_line_of_a_request_tells_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_format="json"))
    bind_contextvars(request_id="test-request-1")

    logging.getLogger("somebody.else").error("No.")

    assert '"request_id":"test-request-1"' in capsys.readouterr().out


def test_what_json_does_not_know_is_written_nevertheless(
    production: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    logger.info("Sold.", what=range(3), data=b"\xff", name="Größe")

    [line] = lines(capsys)
    assert (line["what"], line["data"], line["name"]) == ("range(0, 3)", "_w==", "Größe")


def test_uvicorn_has_no_handlers_of_its_own() -> None:
    names = ("uvicorn", "uvicorn.error", "uvicorn.access")
    for name in names:
        logging.getLogger(name).addHandler(logging.StreamHandler())
        logging.getLogger(name).propagate = name != "uvicorn.error"

    configure_logging(Settings())

    told = [(logging.getLogger(name).handlers, logging.getLogger(name).propagate) for name in names]
    assert told == [([], True), ([], True), ([], False)]


def test_people_read_text_and_not_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_format="pretty"))

    logging.getLogger("somebody.else").error("No.")

    assert not capsys.readouterr().out.startswith("{")


def test_debugging_shows_the_statements() -> None:
    levels = []
    for debug in (True, False):
        configure_logging(Settings(debug=debug))
        levels.append(logging.getLogger("sqlalchemy.engine").getEffectiveLevel())

    assert levels == [logging.INFO, logging.WARNING]


def test_the_port_of_a_url_is_no_secret(
    production: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    logger.info("http://127.0.0.1:8000/x has failed")

    [line] = lines(capsys)
    assert line["event"] == "http://127.0.0.1:8000/x has failed"

"""Logging: one `logger`, one stream on stdout, one format for our records and the libraries'."""

import json
import logging
import sys
from collections.abc import Iterable
from urllib.parse import parse_qs, unquote, urlsplit

import structlog
from pydantic import SecretStr
from pydantic_core import to_json
from structlog.processors import format_exc_info
from structlog.typing import EventDict, Processor

from app.core.config import PROJECT, EnvironmentSettings, Settings
from app.core.redaction import LONGEST_VALUE, Redaction

logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("app")


def _to_json(line: object, **_: object) -> str:
    """Five times as fast as the standard library's, and as lenient."""
    return to_json(line, fallback=repr, bytes_mode="base64").decode()


SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso"),
]
JSON: Processor = structlog.processors.JSONRenderer(serializer=_to_json)
TEXT: Processor = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)

structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *SHARED,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)


class StdoutHandler(logging.Handler):
    """Looks `sys.stdout` up for each line: tests and reloaders replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stdout.write(self.format(record) + "\n")
            sys.stdout.flush()
        except Exception:
            self.handleError(record)


class RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Redacts secrets in the finished line: a filter would miss tracebacks and child loggers.

    Shortens long values first: clients decide how long some of them are.
    """

    def __init__(self, secrets: Iterable[str], *renderers: Processor) -> None:
        self.redaction = Redaction(secrets)
        processors: list[Processor] = [self.remove_processors_meta, format_exc_info, self._shorten]
        super().__init__(processors=[*processors, *renderers], foreign_pre_chain=SHARED)

    def format(self, record: logging.LogRecord) -> str:
        if not hasattr(record, "_logger"):  # which structlog adds
            return self.redaction.redact(super().format(record))
        line = vars(record)["msg"].copy()  # without the record, whose copy takes as long again
        for process in self.processors[1:]:
            line = process(None, record.levelname.lower(), line)
        return self.redaction.redact(line)

    def _shorten(self, _: object, __: str, event: EventDict) -> EventDict:
        for name, value in event.items():
            if value is not None and not isinstance(value, (int, float)):
                text = value if isinstance(value, str) else _to_json(value)
                if len(text) > LONGEST_VALUE:
                    event[name] = self.redaction.shorten(text)
        return event


def _identify(settings: Settings) -> Processor:
    """Adds which service a line is from, for logs of many."""
    fields = {"service": settings.service_name, "version": PROJECT["version"]}
    return lambda _, __, event: {**event, **fields}


def _abbreviate(_: object, __: str, event: EventDict) -> EventDict:
    """Makes a request one line of a terminal: `GET /items 200`, and what it took."""
    event["timestamp"] = event["timestamp"][11:19]
    if event["event"] == "request":
        event["event"] = " ".join(str(event.pop(name)) for name in ("method", "route", "status"))
        for name in ("client", "logger", "request_id", "sql_ms"):
            event.pop(name, None)
    return event


def secrets_of(*settings: EnvironmentSettings) -> set[str]:
    """Each secret setting, the passwords in its URL, and how JSON writes them."""
    values: set[str] = set()
    for secret in (value for each in settings for _, value in each):
        if isinstance(secret, SecretStr):
            url = urlsplit(secret.get_secret_value())
            passwords = [url.password or "", *parse_qs(url.query).get("password", [])]
            values.update([secret.get_secret_value(), *passwords, *map(unquote, passwords)])
    return {form for value in values if value for form in (value, json.dumps(value)[1:-1])}


def _is_about_a_migration(record: logging.LogRecord) -> bool:
    """Not about Alembic's dialect, which it tells at each command."""
    return record.levelno > logging.INFO or record.msg.startswith("Running ")


def configure_logging(
    settings: Settings, *others: EnvironmentSettings, processors: Iterable[Processor] = ()
) -> None:
    """Send every record to stdout: ours, uvicorn's, SQLAlchemy's, Alembic's, and warnings.

    JSON, with what `processors` add, or readable text on a developer's terminal; `log_format`
    overrides. The secrets of all these settings are redacted. May be called again.
    """
    pretty = settings.log_format == "pretty" or (
        settings.log_format == "auto"
        and settings.environment in ("local", "test")
        and sys.stdout.isatty()
    )
    renderers = [_abbreviate, TEXT] if pretty else [*processors, _identify(settings), JSON]
    formatter = RedactingFormatter(secrets_of(settings, *others), *renderers)
    handler = StdoutHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [h for h in root.handlers if not isinstance(h, StdoutHandler)] + [handler]
    root.setLevel("DEBUG" if settings.debug else settings.log_level)
    logging.captureWarnings(capture=True)
    logging.getLogger("alembic.runtime.plugins").setLevel("WARNING")
    logging.getLogger("alembic.runtime.migration").addFilter(_is_about_a_migration)
    # DEBUG would log every row.
    for name in ("sqlalchemy", "app.core.postgres.pool"):
        logging.getLogger(name).setLevel("INFO" if settings.debug else "WARNING")
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # The service writes its own request lines, so uvicorn's are switched off.
    logging.getLogger("uvicorn.access").handlers.clear()
    logging.getLogger("uvicorn.access").propagate = False

"""uvicorn's log before it loads the service, and that of the parent process, which never does.

`UVICORN_LOG_CONFIG=app/server/uvicorn_log.json` is set in the image and by `make serve`.
"""

import logging

from app.core.config import settings
from app.core.logger import configure_logging


def configure() -> logging.Handler:
    """Called as the one handler of uvicorn_log.json. Logs as the service does."""
    configure_logging(settings)
    return logging.NullHandler()

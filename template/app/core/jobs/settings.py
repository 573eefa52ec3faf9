"""Configuration of jobs: read by the worker, and shown on the page of all settings."""

from typing import Annotated

from pydantic import Field

from app.core.config import EnvironmentSettings, PostgresUrl, Seconds


class JobSettings(EnvironmentSettings):
    """The settings of workers."""

    jobs_concurrency: int = Field(default=10, ge=1)
    jobs_poll_seconds: Annotated[float, Field(gt=0, le=60)] = 1
    jobs_heartbeat_seconds: Seconds = 30
    jobs_drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 25
    jobs_retry_seconds: Seconds = 1
    jobs_crashes: int = Field(default=3, ge=2)  # the first may be a neighbour's
    jobs_log_days: int = Field(default=30, ge=1)
    jobs_listen_url: PostgresUrl | None = None
    jobs_health_port: Annotated[int, Field(ge=1, le=65535)] | None = None

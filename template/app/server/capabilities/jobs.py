"""Jobs: the server only enqueues them. Shows the settings of workers on the page of settings."""

from app.core.jobs.settings import JobSettings as Settings

__all__ = ["Settings"]

"""When a cron expression is due, in UTC."""

from datetime import datetime

from croniter import croniter  # type: ignore[import-untyped]  # comes with PgQueuer


def is_valid(expression: str) -> bool:
    return bool(croniter.is_valid(expression)) and len(expression.split()) == 5  # noqa: PLR2004


def due_times(expression: str, now: datetime) -> tuple[datetime, datetime]:
    """The last due time before `now`, and the next one."""
    last, following = (croniter(expression, now, ret_type=datetime) for _ in range(2))
    return last.get_prev(), following.get_next()

"""Takes the values out of an error of Postgres: a traceback is logged, and must not show rows.

The name of the table, the column and the constraint stay, and so does the SQLSTATE.
"""

import re
from typing import Any

from sqlalchemy.engine.interfaces import ExceptionContext

DATA, INTEGRITY, LIMITS = "22", "23", "54"  # the classes whose errors quote what they refuse
QUOTED = re.compile(r""": .*| (["']).*\1""", re.DOTALL)


def hide_values(context: ExceptionContext) -> None:
    """Listens to SQLAlchemy's `handle_error`."""
    error: Any = context.sqlalchemy_exception
    adapted: Any = getattr(error, "orig", None)
    cause: Any = getattr(adapted, "__cause__", None)  # asyncpg's own error
    code = getattr(adapted, "sqlstate", None) or ""
    if cause is None or not code.startswith((DATA, INTEGRITY, LIMITS)):
        return
    cause.detail = None  # "Failing row contains (7, hunter2)."
    if code.startswith(DATA):  # 'invalid input syntax for type integer: "hunter2"'
        cause.__cause__ = None  # what asyncpg could not encode
        cause.__suppress_context__ = True
        message = cause.args[0]
        for each in (error, adapted, cause):
            each.args = (each.args[0].replace(message, QUOTED.sub(" ***", message)),)

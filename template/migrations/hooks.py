"""This service's own options of Alembic's `context.configure`, on top of those in `env.py`.

For instance `options = {"include_object": include_object}`, to leave a table to somebody else.
"""

from typing import Any

options: dict[str, Any] = {}

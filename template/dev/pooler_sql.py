"""Prints the limits of the service's role as SQL: `make pooler-sql`. Nothing runs it.

`docs/pooler.md` says when a pooler needs them.
"""

from urllib.parse import unquote, urlsplit

from app.core.config import Settings, settings
from app.core.engine import connect_arguments

HEAD = """\
-- For the role of POSTGRES_URL. Review it, run it past the pooler, then RECONNECT in PgBouncer.
"""
# asyncpg turns it off, and on again, to look up a type: through a pooler on another connection.
ALWAYS = {"jit": "off"}


def pooler_sql(settings: Settings) -> str:
    """An ALTER ROLE for each setting that a read leaves to the role."""
    url = settings.postgres_url
    limits = dict(connect_arguments(settings, url)["server_settings"])
    del limits["application_name"]
    name = unquote(urlsplit(url.get_secret_value()).username or "").replace('"', '""')
    role = f'"{name}"' if name else "CURRENT_USER"
    lines = [f"ALTER ROLE {role} SET {name} = '{v}';\n" for name, v in (limits | ALWAYS).items()]
    return HEAD + "".join(lines)


if __name__ == "__main__":
    print(pooler_sql(settings), end="")

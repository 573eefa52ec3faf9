"""Names: which there are, which are taken, and how English makes plurals."""

import builtins
import keyword
import re

from pydantic import BaseModel

from fleet.resource.words import LOCAL, MODULES, RESERVED

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 63
"""Bytes of a name in Postgres."""
RECORD = {"id", "created_at", "updated_at", "version"}
DECLARATIVE = {"metadata", "registry", "type_annotation_map"}
IRREGULAR = {"person": "people", "child": "children", "man": "men", "woman": "women",
             "foot": "feet", "tooth": "teeth", "mouse": "mice", "goose": "geese"}  # fmt: skip


def quoted(column: str) -> str:
    return f'"{column}"' if column in RESERVED else column


def plural(name: str) -> str:
    """As English has it, where it is regular and in a few words that are not."""
    head, _, last = name.rpartition("_")
    if last in IRREGULAR:
        many = IRREGULAR[last]
    elif re.search(r"[^aeiou]y$", last):
        many = f"{last[:-1]}ies"
    else:
        many = f"{last}es" if re.search(r"(s|x|z|ch|sh)$", last) else f"{last}s"
    return f"{head}_{many}" if head else many


def looks_plural(name: str) -> bool:
    return bool(re.search(r"[^suia]s$", name)) and name not in {"news", "series", "lens"}


def capital(name: str) -> str:
    """`order_line` as a class."""
    return "".join(part.capitalize() for part in name.split("_"))


def article(words: str) -> str:
    """`words` with "a" or "an"."""
    sounds_like_you = re.match(r"(uni|use|usa|eu|one|ut[ie])", words)
    return f"an {words}" if words[0] in "aeiou" and not sounds_like_you else f"a {words}"


def argument(name: str) -> str:
    """The name of a parameter, which is none of Python's."""
    return f"{name}_" if name in dir(builtins) else name


def is_used(name: str) -> bool:
    """Whether the code, or Python itself, calls something else so."""
    return bool({name, capital(name)} & {*dir(builtins)}) or name in LOCAL


def refused(name: str) -> str | None:
    """Why this cannot be the name of anything; None if it can."""
    if not NAME.fullmatch(name):
        return "has to be small letters, digits and single underscores, and begin with a letter"
    if keyword.iskeyword(name):
        return "is a word of Python"
    return None


def mended(name: str) -> str:
    """What may have been meant, as the end of a sentence: `OrderLine` is `order_line`."""
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name) if name.isascii() else []
    other = "_".join(words).lower()
    return "" if refused(other) or other == name else f": try {other}"


def refused_attribute(name: str) -> str | None:
    """Why this cannot be the name of a field."""
    if why := refused(name):
        return why
    if name == "l":
        return "looks like the digit one"
    if name in RECORD:
        return "is a column of every resource"
    if name in DECLARATIVE:
        return "is reserved by SQLAlchemy"
    if hasattr(BaseModel, name) or name.startswith("model_"):
        return "is reserved by pydantic"
    return "is a name that the code itself uses" if name in MODULES else None

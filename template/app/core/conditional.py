"""Requests on a condition (RFC 9110, section 13): the ETag of a row is its version."""

import re
from functools import partial
from typing import Annotated, TypeVar

from fastapi import Depends, Header, HTTPException, Request, Response
from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.core.models import VersionMixin
from app.core.writes import Versions

RowT = TypeVar("RowT", bound=VersionMixin)
TAG, VERSION = re.compile(r'(W/)?"([^"]*)"'), re.compile(r"[1-9]\d{0,9}", re.ASCII)
EVERY = range(1, 2**31)


def tagged(row: RowT, response: Response, if_none_match: Versions = None) -> RowT:
    """Set the ETag. A client that has this version gets a 304 without a body."""
    etag = f'"{row.version}"'
    if if_none_match and row.version in if_none_match:
        raise HTTPException(304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return row


def _read(lines: list[str], *, weak: bool) -> Versions:
    """The versions that entity tags name; one of somebody else names none."""
    text = ", ".join(lines)
    if text == "*":
        return EVERY if weak else None
    if not TAG.search(text) or TAG.sub("", text).strip("\t ,"):
        raise PydanticCustomError("etags", 'It must be * or entity tags such as "7"')
    tags = [tag for mark, tag in TAG.findall(text) if weak or not mark]
    return [int(tag) for tag in tags if VERSION.fullmatch(tag) and int(tag) in EVERY]


SCHEMA = WithJsonSchema({"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$'})
WEAK, STRONG = (PlainValidator(partial(_read, weak=weak)) for weak in (True, False))
IfNoneMatch = Annotated[Versions, WEAK, SCHEMA, Header(alias="If-None-Match")]
IfMatch = Annotated[Versions, STRONG, SCHEMA, Header(alias="If-Match")]


async def _require(request: Request, versions: IfMatch = None) -> Versions:
    if "if-match" not in request.headers:
        raise HTTPException(428, "If-Match must have the ETag of what you change.")
    return versions


RequiredIfMatch = Annotated[Versions, Depends(_require)]
"""An If-Match without which the answer is 428: declare it by `responses=problems(428)`."""

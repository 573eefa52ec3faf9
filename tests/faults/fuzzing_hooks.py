"""What JSON Schema cannot say of requests and their answers: hooks of schemathesis."""

import base64
import json
import re
from datetime import UTC
from typing import Any
from urllib.parse import urljoin
from uuid import uuid4

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, HookContext, Response

KEY = "Idempotency-Key"
KEY_WITH_ROOM = re.compile(r'("?)[!#-+\--\[\]-~]{1,200}("?)')
VERSION = re.compile(r"This has changed: its version is (\d+) now\.")

# A cursor is text that a page has given; the document can only say which letters it has.
moments = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat())
rows = st.tuples(moments, st.uuids().map(str))
schemathesis.openapi.format(
    "cursor",
    rows.map(lambda row: base64.urlsafe_b64encode(json.dumps(row).encode()).decode().rstrip("=")),
)


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Mends what is meant to be valid, and makes each key a new one.

    With another request, a key of before is rightly a 422.
    """
    for name in ("If-Match", "If-None-Match"):  # schemathesis tries its letters and digits there
        given = str(case.headers.get(name, ""))
        if given.isalnum() and case.meta and case.meta.generation.mode.is_positive:
            case.headers[name] = f'"{given}"'
    key = KEY_WITH_ROOM.fullmatch(str(case.headers.get(KEY, "")))
    if key and key[1] == key[2]:
        case.headers[KEY] = f"{key[0].removesuffix(key[2])}{uuid4().hex}{key[2]}"


@schemathesis.check
def a_condition_fails_only_if_it_was_sent_and_does_not_hold(
    ctx: CheckContext, response: Response, case: Case[Any]
) -> None:
    sent = response.request.headers
    if response.status_code == 304:
        [etag] = response.headers["etag"]
        seen = sent.get("If-None-Match", "")
        assert seen == "*" or etag in seen
    if response.status_code == 412:
        [version] = VERSION.findall(response.text)
        assert "If-Match" in sent
        assert f'"{version}"' not in re.sub('W/"[^"]*"', "", str(sent["If-Match"]))


@schemathesis.check
def a_condition_holds_for_the_etag_alone(
    ctx: CheckContext, response: Response, case: Case[Any]
) -> None:
    """Asked of each item that was created: what is made up seldom names its version."""
    if response.status_code == 201 and "etag" in response.headers:
        url = urljoin(str(response.request.url), response.headers["location"][0])
        [etag] = response.headers["etag"]
        caller = response.request.headers.get("Authorization", "")
        answers = [
            requests.request(
                method, url, json={}, headers={name: tag, "Authorization": caller}
            ).status_code
            for method, name in (("GET", "If-None-Match"), ("PATCH", "If-Match"))
            for tag in (etag, '"2"')
        ]
        assert answers == [304, 200, 200, 412]


@schemathesis.check
def a_request_that_is_repeated_with_its_key_gets_the_first_answer(
    ctx: CheckContext, response: Response, case: Case[Any]
) -> None:
    if response.status_code == 201 and KEY in response.request.headers:
        again = requests.Session().send(response.request)
        told = (again.status_code, again.content, again.headers.get("Idempotent-Replayed"))
        assert told == (201, response.content, "true")

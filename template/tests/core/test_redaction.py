import json
import time

import pytest

from app.core.redaction import LONGEST_VALUE, Redaction

SECRETS = ["swordfish", 'sword"fish']


@pytest.fixture
def redaction() -> Redaction:
    return Redaction(SECRETS)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("It is swordfish.", "It is ***."),
        ('It is sword"fish.', "It is ***."),
        ("swordfishes", "swordfishes"),
        ("https://user:hunter2@example.org/", "https://user:***@example.org/"),
        ("https://user:hunt/er@2@example.org/", "https://user:***@example.org/"),
        ("https://hunter2@example.org/", "https://***@example.org/"),
        ("GET /?a=1&access_token=hunter2&b=2", "GET /?a=1&access_token=***&b=2"),
        ("https://example.org/#Token=hunter2", "https://example.org/#Token=***"),
        ("?password=hunter2;api-key=hunter2", "?password=***;api-key=***"),
        ("Authorization: Bearer hunter2", "Authorization: ***"),
        ("It was eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl here", "It was *** here"),
        ("['eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOi", "['***"),
        ("Proxy-Authorization: Basic a@hunter2, b", "Proxy-Authorization: ***"),
        ("X-Api-Key: hunter2\nAccept: */*", "X-Api-Key: ***\nAccept: */*"),
        ("X-Auth-Token=hunter2", "X-Auth-Token=***"),
        ("set-cookie: session=hunter2; Secure", "set-cookie: ***"),
        ("{'authorization': 'Basic hunter2', 'a': 1}", "{'authorization': '***', 'a': 1}"),
        ("[(b'authorization', b'Bearer hunter2')]", "[(b'authorization', b'***')]"),
    ],
)
def test_a_credential_is_replaced_and_the_rest_is_kept(
    redaction: Redaction, text: str, redacted: str
) -> None:
    assert redaction.redact(text) == redacted


@pytest.mark.parametrize("value", ['Digest a="x", b="hunter2"', "Bearer hunter2"])
@pytest.mark.parametrize("name", ["authorization", "x-api-key", "Cookie"])
def test_a_line_of_json_stays_json(redaction: Redaction, name: str, value: str) -> None:
    headers = {name: value, "accept": "*/*"}
    line = {"event": f"{name}: {value}", "headers": headers, "text": json.dumps(headers), "a": 1}

    redacted = json.loads(redaction.redact(json.dumps(line)))

    hidden = {name: "***", "accept": "*/*"}
    assert redacted == {
        "event": f"{name}: ***",
        "headers": hidden,
        "text": json.dumps(hidden),
        "a": 1,
    }


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8000/x has failed",
        "https://example.org/?mail=a@example.org",
        "https://example.org/@scope/name",
        "GET /books?author=Key&sort=name",
        "The cookie jar is full.",
        "A cursor: eyJhbGciOiJFUzI1NiJ9",
        "keyJar.lid",
    ],
)
def test_what_is_no_credential_is_kept(redaction: Redaction, text: str) -> None:
    assert redaction.redact(text) == text


HOSTILE = """://a: :// ?token &key authorization authorization_ authorization:' authorization:\\"
    cookie\\ cookie: swordfish a _ \" """


@pytest.mark.parametrize("part", [part.replace("_", " ") for part in HOSTILE.split()])
def test_the_time_is_in_proportion_to_the_length(redaction: Redaction, part: str) -> None:
    def seconds(length: int) -> float:
        text = part * (length // len(part)) + " :// = cookie"  # what each pattern is tried for
        durations = []
        for _ in range(3):
            began = time.process_time()
            redaction.redact(text)
            durations.append(time.process_time() - began)
        return min(durations)

    # Sixteen times as much text: 256 times the time, where a text is read again from each part.
    assert seconds(8_000) < 100 * max(seconds(500), 0.000_5)


def test_a_long_text_keeps_its_beginning_and_its_end(redaction: Redaction) -> None:
    half = LONGEST_VALUE // 2

    shortened = redaction.shorten("a" * half + "b" * 1_000_000 + "c" * half)

    assert shortened == "a" * half + " [1000000 characters] " + "c" * half


@pytest.mark.parametrize("before", range(4_980, 5_003))
def test_half_a_secret_is_redacted_too(redaction: Redaction, before: int) -> None:
    text = "x" * before + " https://user:hunter2@host/ "

    assert "unte" not in redaction.shorten(text + "x" * 20_000)
    assert "unte" not in redaction.shorten("x" * 20_000 + " https://u:hunter2@h/" + "x" * before)

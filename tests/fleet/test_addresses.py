"""Which templates may be asked without a person having named them."""

import pytest

from fleet.addresses import Allowed, is_public, normal, web_page
from fleet.errors import NotAllowedError


@pytest.mark.parametrize(
    "address",
    [
        "gh:acme/template",
        "gl:acme/template.git",
        "https://github.com/acme/template",
        "git+https://git.example.org:8443/acme/template",
        "ssh://git@git.example.org/acme/template",
        "git@github.com:acme/template.git",
        "https://8.8.8.8/template",
    ],
)
def test_hosts_of_the_internet_by_https_or_ssh_are_public(address: str) -> None:
    assert is_public(address)
    Allowed().require(address)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gh:acme/template", "https://github.com/acme/template.git"),
        ("git+https://example.org/x", "https://example.org/x/"),
        ("/srv/../srv/template", "/srv/template"),
    ],
)
def test_two_addresses_of_a_repository_are_one(one: str, other: str) -> None:
    assert normal(one) == normal(other)
    Allowed((one,)).require(other)


def test_with_a_named_template_no_other_one_is_allowed() -> None:
    with pytest.raises(NotAllowedError) as error:
        Allowed(("gh:acme/template",)).require("gh:acme/other")

    assert str(error.value) == (
        "The template gh:acme/other is not allowed; allowed: gh:acme/template."
    )
    assert error.value.address == "gh:acme/other"


@pytest.mark.parametrize(
    "remote",
    [
        "https://git.example.org/acme/lamps.git",
        "https://ada:secret@git.example.org/acme/lamps",
        "ssh://git@git.example.org:2222/acme/lamps.git/",
        "git@git.example.org:acme/lamps.git",
    ],
)
def test_a_remote_tells_the_page_of_its_repository_without_its_secrets(remote: str) -> None:
    assert web_page(remote) == "https://git.example.org/acme/lamps"


def test_the_page_of_a_repository_keeps_its_port_and_quotes_its_path() -> None:
    assert web_page("https://example.org:8443/a b/%3Cc%3E\"'\n?d#e") == (
        "https://example.org:8443/a%20b/%3Cc%3E%22%27"
    )


@pytest.mark.parametrize(
    "remote",
    [
        "",
        "/srv/lamps.git",
        "../lamps",
        "file:///srv/lamps",
        "http://example.org/lamps",
        "git://example.org/lamps",
        "ext::sh -c true",
        "javascript:alert(1)",
        "javascript://example.org/%0aalert(1)",
        "JAVASCRIPT:alert(1)//example.org:x",
        "data:text/html,x",
        "work:acme/lamps",
        "https://example.org",
        "https://[::1/lamps",
        "https://example.org:port/lamps",
        "https://exämple.org/lamps",
        'https://example.org"onclick=x/lamps',
        "-oProxyCommand=x@example.org:lamps",
    ],
)
def test_other_remotes_have_no_page(remote: str) -> None:
    assert web_page(remote) is None

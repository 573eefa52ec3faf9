"""Which templates may be asked without a person having named them."""

import pytest

from fleet.addresses import Allowed, is_public, normal
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

"""What an organization demands of its services, and where they do not comply."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from fleet import template
from fleet.service import ANSWERS_FILE
from fleet.status import Status
from fleet.waivers import WAIVERS_FILE, Waiver, matches

# Stable: a code never changes its meaning. docs/fleet-reference.md has the same table.
REASONS = {
    "FLT001": "The service cannot be read.",
    "FLT002": "The service was made from a template that the policy does not name.",
    "FLT003": "The version does not hold the minimum one.",
    "FLT004": "An answer is missing, or not one that is allowed.",
    "FLT005": "A file of the template differs, and no waiver fits it.",
    "FLT006": "A file of the template differs, and the waiver that fits it has expired.",
    "FLT007": "A waiver fits a file that the policy does not allow to waive.",
    "FLT008": "A waiver lasts longer than the policy allows.",
    "FLT009": "A waiver fits no file that differs: it is not needed.",
}


def _a_version(text: str) -> str:
    try:
        Version(text)
    except InvalidVersion as error:
        raise ValueError("write a release, such as v1.2.0") from error
    return text


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


OneOrMore = BeforeValidator(_listed)


class Limits(BaseModel, frozen=True, extra="forbid", strict=True):
    """Of waivers: patterns as in .gitignore, and days from today on. Without one, no limit."""

    allowed: list[str] | None = None
    longest_days: Annotated[int, Field(ge=0)] | None = None


class Policy(BaseModel, frozen=True, extra="forbid", strict=True):
    """What is left out is not demanded."""

    minimum_version: Annotated[str, AfterValidator(_a_version)] | None = None
    template: Annotated[list[str], OneOrMore] | None = None
    answers: dict[str, Annotated[list[Any], OneOrMore]] = {}
    waivers: Limits = Limits()


@dataclass(frozen=True)
class Finding:
    code: str
    service: str
    """The folder, as it was named."""
    file: str
    """Where it is to be put right, relative to the folder; empty for the folder itself."""
    message: str


def check(it: Status, policy: Policy, today: date) -> list[Finding]:
    """One finding for each fault of a service, none for one that complies."""
    if it.error:
        return [Finding("FLT001", it.path, "", it.error)]
    return [
        Finding(code, it.path, file, message)
        for demand in (_template, _version, _answers, _drift, _waivers)
        for code, file, message in demand(it, policy, today)
    ]


Faults = Iterator[tuple[str, str, str]]


def _template(it: Status, policy: Policy, _: date) -> Faults:
    allowed = policy.template
    if allowed is not None and _address(it.template or "") not in map(_address, allowed):
        named = ", ".join(allowed)
        yield "FLT002", ANSWERS_FILE, f"{it.name} was made from {it.template}; allowed: {named}."


def _version(it: Status, policy: Policy, _: date) -> Faults:
    minimum = policy.minimum_version
    if minimum and not (it.release and Version(it.release) >= Version(minimum)):
        yield "FLT003", ANSWERS_FILE, f"{it.name} is at {it.version}; the minimum is {minimum}."


def _answers(it: Status, policy: Policy, _: date) -> Faults:
    for question, allowed in policy.answers.items():
        named = ", ".join(map(repr, allowed))
        if question not in it.answers:
            yield "FLT004", ANSWERS_FILE, f"{it.name} does not answer {question}; allowed: {named}."
            continue
        answer = it.answers[question]
        # In Python, 1 is True.
        if not any(type(answer) is type(other) and answer == other for other in allowed):
            said = f"{it.name} answers {question} with {answer!r}; allowed: {named}."
            yield "FLT004", ANSWERS_FILE, said


def _drift(it: Status, policy: Policy, today: date) -> Faults:
    allowed = policy.waivers.allowed
    for path in it.drift:
        fitting = [waiver for waiver in it.waivers if waiver.fits(path)]
        if not fitting:
            yield "FLT005", path, f"{path} of {it.name} differs, and no waiver fits it."
        elif all(waiver.is_expired(today) for waiver in fitting):
            last = max(waiver.expires for waiver in fitting)
            yield "FLT006", path, f"The waiver for {path} of {it.name} expired on {last}."
        if fitting and allowed is not None and not matches(allowed, path):
            yield "FLT007", WAIVERS_FILE, f"{it.name} waives {path}, which is not allowed."


def _waivers(it: Status, policy: Policy, today: date) -> Faults:
    for waiver in it.waivers:
        if _lasts_too_long(waiver, policy, today):
            yield (
                "FLT008",
                WAIVERS_FILE,
                (
                    f"The waiver for {waiver.path} of {it.name} lasts until {waiver.expires}, "
                    f"more than {policy.waivers.longest_days} days."
                ),
            )
        if not any(waiver.fits(path) for path in it.drift):
            said = f"The waiver for {waiver.path} of {it.name} fits no file that differs."
            yield "FLT009", WAIVERS_FILE, said


def _lasts_too_long(waiver: Waiver, policy: Policy, today: date) -> bool:
    longest = policy.waivers.longest_days
    return longest is not None and (waiver.expires - today).days > longest


def _address(address: str) -> str:
    """Without what two addresses of one repository may differ in."""
    return template.url(address).rstrip("/").removesuffix(".git")

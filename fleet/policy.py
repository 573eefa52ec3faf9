"""An organization's policy for its services, and where they do not comply."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from fleet.addresses import normal
from fleet.service import ANSWERS_FILE, WAIVERS_FILE
from fleet.status import Status
from fleet.waivers import Pattern, Waiver, matches

# Stable: a code never changes its meaning. docs/fleet-reference.md has the same table.
REASONS = {
    "FLT001": "The service cannot be read.",
    "FLT002": "The policy does not allow the service's template.",
    "FLT003": "The version is below the minimum.",
    "FLT004": "An answer is missing or not allowed.",
    "FLT005": "A file of the template differs, and no waiver covers it.",
    "FLT006": "A file of the template differs, and its waiver has expired.",
    "FLT007": "The policy does not allow the file to be waived.",
    "FLT008": "A waiver lasts longer than the policy allows.",
    "FLT009": "A waiver is not needed: it covers no file that differs.",
    "FLT010": "A file is missing or lacks what the policy demands of it, and no waiver covers it.",
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
    """Limits of waivers: .gitignore patterns, and days counted from today. None means no limit."""

    allowed: list[str] | None = None
    longest_days: Annotated[int, Field(ge=0)] | None = None


class Policy(BaseModel, frozen=True, extra="forbid", strict=True):
    """Keys that are left out are not checked."""

    minimum_version: Annotated[str, AfterValidator(_a_version)] | None = None
    template: Annotated[list[str], OneOrMore] | None = None
    answers: dict[str, Annotated[list[Any], OneOrMore]] = {}
    same: list[Pattern] = []
    """.gitignore patterns of files that must be as rendered, though an update merges edits."""
    files: dict[str, dict[str, Any]] = {}
    """Files that must be there, by path, and what a document of their YAML must hold."""
    waivers: Limits = Limits()


@dataclass(frozen=True)
class Finding:
    code: str
    service: str
    """The folder, as it was given."""
    file: str
    """The file to correct, relative to the folder; empty for the folder itself."""
    message: str


def check(service: Status, policy: Policy, today: date) -> list[Finding]:
    """One finding per fault of a service; none if it complies."""
    if service.error and not (service.template and _is_other(service.template, policy)):
        return [Finding("FLT001", service.path, "", service.error)]
    return [
        Finding(code, service.path, file, message)
        for demand in ((_template,) if service.error else DEMANDS)
        for code, file, message in demand(service, policy, today)
    ]


Faults = Iterator[tuple[str, str, str]]


def _template(service: Status, policy: Policy, _: date) -> Faults:
    if _is_other(service.template or "", policy):
        named = ", ".join(policy.template or [])
        said = f"{service.name} was made from {service.template}; allowed: {named}."
        yield "FLT002", ANSWERS_FILE, said


def _version(service: Status, policy: Policy, _: date) -> Faults:
    minimum = policy.minimum_version
    if minimum and not (service.release and Version(service.release) >= Version(minimum)):
        said = f"{service.name} is at {service.version}; the minimum is {minimum}."
        yield "FLT003", ANSWERS_FILE, said


def _answers(service: Status, policy: Policy, _: date) -> Faults:
    for question, allowed in policy.answers.items():
        named = ", ".join(map(repr, allowed))
        if question not in service.answers:
            said = f"{service.name} does not answer {question}; allowed: {named}."
            yield "FLT004", ANSWERS_FILE, said
            continue
        answer = service.answers[question]
        # In Python, 1 == True.
        if not any(type(answer) is type(other) and answer == other for other in allowed):
            said = f"{service.name} answers {question} with {answer!r}; allowed: {named}."
            yield "FLT004", ANSWERS_FILE, said


def _drift(service: Status, policy: Policy, today: date) -> Faults:
    for path in service.drift:
        covering = [waiver for waiver in service.waivers if waiver.covers(path)]
        if not covering:
            yield "FLT005", path, f"{path} of {service.name} differs, and no waiver covers it."
        elif all(waiver.is_expired(today) for waiver in covering):
            last = max(waiver.expires for waiver in covering)
            yield "FLT006", path, f"The waiver for {path} of {service.name} expired on {last}."
        yield from _not_allowed(service, policy, path)


def _files(service: Status, policy: Policy, today: date) -> Faults:
    for path, fault in service.unmet.items():
        covering = [waiver for waiver in service.waivers if waiver.covers(path)]
        if all(waiver.is_expired(today) for waiver in covering):
            yield "FLT010", path, f"{path} of {service.name} {fault}, and no waiver covers it."
        yield from _not_allowed(service, policy, path)


def _not_allowed(service: Status, policy: Policy, path: str) -> Faults:
    allowed = policy.waivers.allowed
    is_waived = any(waiver.covers(path) for waiver in service.waivers)
    if is_waived and allowed is not None and not matches(allowed, path):
        yield "FLT007", WAIVERS_FILE, f"{service.name} waives {path}, which is not allowed."


def _waivers(service: Status, policy: Policy, today: date) -> Faults:
    for waiver in service.waivers:
        if _lasts_too_long(waiver, policy, today):
            said = (
                f"The waiver for {waiver.path} of {service.name} lasts until {waiver.expires}, "
                f"more than {policy.waivers.longest_days} days."
            )
            yield "FLT008", WAIVERS_FILE, said
        if not any(waiver.covers(path) for path in (*service.drift, *service.unmet)):
            said = f"The waiver for {waiver.path} of {service.name} covers no file that differs."
            yield "FLT009", WAIVERS_FILE, said


def _lasts_too_long(waiver: Waiver, policy: Policy, today: date) -> bool:
    longest = policy.waivers.longest_days
    return longest is not None and (waiver.expires - today).days > longest


def _is_other(template: str, policy: Policy) -> bool:
    """Whether the policy does not allow a template."""
    allowed = policy.template
    return allowed is not None and normal(template) not in map(normal, allowed)


DEMANDS = (_template, _version, _answers, _drift, _files, _waivers)

"""A fleet for the report: four services, one of them hostile, and one that cannot be read."""

from datetime import date

from fleet.history import Adoption
from fleet.html_report import Page
from fleet.policy import Finding
from fleet.status import Status
from fleet.waivers import Waiver

TODAY = date(2026, 6, 30)
HOSTILE = "<script>document.title = 'hacked'</script>\"'"
ENDING = {"lamps": date(2026, 1, 1), "doors": date(2026, 7, 29), "books": date(2026, 7, 30)}
FLEET = [
    Status(
        path=name,
        name=name,
        template="https://example.org/template",
        version=version,
        release=version,
        newest="v1.10.0",
        behind=behind,
        version_since=since,
        committed=since,
        owners=["@acme/platform", HOSTILE],
        repository="https://example.org/acme/lamps" if name == "lamps" else None,
        branches=[f"template-update/{HOSTILE}"] if name == "books" else [],
        answers={"port": 8000, "description": HOSTILE},
        drift=["Makefile", "dev/run.py"] if behind == 1 else [],
        waivers=[Waiver(path="/dev/", reason=HOSTILE, expires=ENDING.get(name, date(2027, 1, 1)))],
        conflicts={"pyproject.toml": "changed here, removed by the template"},
    )
    for name, version, behind, since in [
        ("lamps", "v1.9.0", 1, date(2026, 6, 1)),
        (HOSTILE, "v1.10.0", 0, None),
        ("books", "v1.2.0", 8, date(2025, 1, 1)),
        ("doors", "v1.9.0", 1, date(2026, 5, 1)),
    ]
]
REFUSED = Status(path="shop", name="shop", error=f"shop is not a service: {HOSTILE}")


def page() -> Page:
    findings = {one.path: [Finding("FLT005", one.path, "Makefile", HOSTILE)] for one in FLEET}
    days = [date(2026, 6, 1), date(2026, 6, 29), TODAY]
    adoption = Adoption(days, {"v1.10.0": [0, 1, 1], HOSTILE: [4, 3, 3], "unreadable": [0, 1, 1]})
    return Page([*FLEET, REFUSED], TODAY, findings, adoption)

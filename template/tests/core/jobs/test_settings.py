import re
from pathlib import Path

from app.core.jobs.settings import JobSettings

EXAMPLE = Path(__file__).parents[3] / ".env.jobs.example"


def test_every_setting_of_jobs_is_in_its_example() -> None:
    listed = re.findall(r"^# ([A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE)

    assert listed == [name.upper() for name in JobSettings.model_fields]


def test_the_defaults_of_jobs_are_those_of_the_example() -> None:
    listed = re.findall(r"^# ([A-Z_]+)=(.+)$", EXAMPLE.read_text(), re.MULTILINE)

    given = {name.lower(): value for name, value in listed}
    assert JobSettings.model_validate(given) == JobSettings()

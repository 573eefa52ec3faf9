import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.core.telemetry.config import TelemetrySettings

EXAMPLE = (Path(__file__).parents[3] / ".env.telemetry.example").read_text()


def test_every_setting_is_in_the_example_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    told = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert set(told) == {name.upper() for name in TelemetrySettings.model_fields}

    defaults = TelemetrySettings()
    for name, value in told.items():
        if name != "OTEL_EXPORTER_OTLP_ENDPOINT":
            monkeypatch.setenv(name, value)

    assert TelemetrySettings() == defaults


@pytest.mark.parametrize(
    ("given", "traces", "metrics"),
    [
        ({}, "", ""),
        ({"otlp_endpoint": "http://all"}, "http://all/v1/traces", "http://all/v1/metrics"),
        ({"otlp_endpoint": "http://all/x/"}, "http://all/x/v1/traces", "http://all/x/v1/metrics"),
        ({"otlp_traces_endpoint": "http://one/own"}, "http://one/own", ""),
        (
            {"otlp_endpoint": "http://all", "otlp_metrics_endpoint": "http://one"},
            "http://all/v1/traces",
            "http://one",
        ),
    ],
)
def test_the_endpoints_are_those_of_the_specification(
    given: dict[str, str], traces: str, metrics: str
) -> None:
    settings = TelemetrySettings(**{f"otel_exporter_{k}": v for k, v in given.items()})  # type: ignore[arg-type]

    assert (settings.traces_endpoint, settings.metrics_endpoint) == (traces, metrics)


def test_a_variable_of_the_specification_switches_each_off() -> None:
    to = "http://receiver"
    off = TelemetrySettings(otel_exporter_otlp_endpoint=to, otel_sdk_disabled=True)
    none = TelemetrySettings(
        otel_exporter_otlp_endpoint=to, otel_traces_exporter="none", otel_metrics_exporter="none"
    )

    for settings in (off, none):
        assert (settings.traces_endpoint, settings.metrics_endpoint) == ("", "")
        assert not settings.serves_metrics


@pytest.mark.parametrize(
    "wrong",
    [
        {"otel_exporter_otlp_protocol": "grpc"},
        {"otel_exporter_otlp_endpoint": "collector:4318"},
        {"otel_metrics_exporter": "console"},
    ],
)
def test_what_cannot_be_honoured_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        TelemetrySettings(**wrong)  # type: ignore[arg-type]

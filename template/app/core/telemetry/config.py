"""OpenTelemetry's own variables that decide what is exported, and where to. The SDK reads others.

Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from opentelemetry.util.re import parse_env_headers
from pydantic import Field, SecretStr

from app.core.config import EnvironmentSettings

Endpoint = Annotated[str, Field(pattern=r"^(https?://[^\s/]+\S*)?$")]


class TelemetrySettings(EnvironmentSettings):
    """Nothing is exported unless a variable names an endpoint, or asks for /metrics."""

    otel_sdk_disabled: bool = False
    otel_exporter_otlp_endpoint: Endpoint = ""
    otel_exporter_otlp_traces_endpoint: Endpoint = ""
    otel_exporter_otlp_metrics_endpoint: Endpoint = ""
    otel_exporter_otlp_protocol: Literal["http/protobuf"] = "http/protobuf"
    otel_exporter_otlp_headers: SecretStr = SecretStr("")
    otel_traces_exporter: Literal["otlp", "none"] = "otlp"
    otel_metrics_exporter: Literal["otlp", "prometheus", "none"] = "otlp"
    otel_exporter_prometheus_host: str = "localhost"
    otel_exporter_prometheus_port: int = Field(default=9464, ge=1, le=65535)

    @property
    def traces_endpoint(self) -> str:
        """Where spans go; "" if nowhere."""
        named = self.otel_exporter_otlp_traces_endpoint or self._below_base("v1/traces")
        return named if self.otel_traces_exporter == "otlp" and not self.otel_sdk_disabled else ""

    @property
    def metrics_endpoint(self) -> str:
        """Where metrics go; "" if nowhere."""
        named = self.otel_exporter_otlp_metrics_endpoint or self._below_base("v1/metrics")
        return named if self.otel_metrics_exporter == "otlp" and not self.otel_sdk_disabled else ""

    @property
    def serves_metrics(self) -> bool:
        """Whether Prometheus finds /metrics."""
        return self.otel_metrics_exporter == "prometheus" and not self.otel_sdk_disabled

    @property
    def headers(self) -> Mapping[str, str]:
        return parse_env_headers(self.otel_exporter_otlp_headers.get_secret_value(), liberal=True)

    def _below_base(self, path: str) -> str:
        base = self.otel_exporter_otlp_endpoint
        return f"{base.removesuffix('/')}/{path}" if base else ""

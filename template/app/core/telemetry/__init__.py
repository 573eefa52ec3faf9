"""Traces and metrics by OpenTelemetry, redacted as the log is. docs/telemetry.md tells what leaves.

Features need nothing of it but `context.add_traceparent`, for requests of their own to others.
"""

"""Traces and metrics by OpenTelemetry, redacted as the log is. docs/telemetry.md tells what leaves.

Features need nothing of it but `clients.traced`, for requests of their own to others.
"""

"""Measures a service against alternatives: `python -m benchmarks --help`."""

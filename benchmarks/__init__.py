"""What a service costs beside what it could cost: `python -m benchmarks --help`."""

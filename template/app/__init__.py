"""The service: `main.py` builds it, `core/` is shared, every other package is one feature."""

"""How the process behaves: probes, limits, logs, errors, shutdown. Only `main.py` imports it."""

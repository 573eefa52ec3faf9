"""What is measured. It runs in the rendered service's environment, beside its package `app`."""

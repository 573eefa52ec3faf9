"""The contenders. They run in the rendered service's environment, beside its package `app`."""

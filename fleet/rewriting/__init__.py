"""Rewrites a service's own Python files for what a release moved. Parses them, never runs them."""

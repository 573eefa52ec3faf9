"""Carries what a release moved into a service's own Python files. They are parsed, never run."""

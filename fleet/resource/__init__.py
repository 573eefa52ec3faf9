"""Writes a resource of a service: what a person would write by hand in the style of the example."""

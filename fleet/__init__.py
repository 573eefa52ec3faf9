"""Brings services that were made from a template forward, one or a whole organization's."""

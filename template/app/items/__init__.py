"""The example resource: copy it, rename it, or delete it."""

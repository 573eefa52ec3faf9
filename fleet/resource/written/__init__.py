"""The files of a resource, a module for each.

They import all that such a file may need: what it does not use is removed when it is formatted.
"""

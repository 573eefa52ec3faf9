"""A feature for the tests of jobs."""

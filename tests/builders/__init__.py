"""Builders of jobs and of everything that works on them, for all tests."""

"""Metrics that more than one process has."""

"""Reads of callers as messages."""

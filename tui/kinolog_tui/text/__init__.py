"""Formatting and parsing of texts, and the clock."""

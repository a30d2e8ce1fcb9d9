"""Comparisons of everything that is stored, as messages."""

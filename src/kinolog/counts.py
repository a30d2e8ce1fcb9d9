"""Counts with their nouns as people read them. Pure."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun, such as `1 job`, `2 jobs` or, with its own plural, `2 copies`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"

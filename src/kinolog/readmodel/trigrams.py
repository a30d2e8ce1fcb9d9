"""Trigrams of texts as numbers, so that an index finds every prompt that contains a text. Pure. See decision 32.

Each three consecutive characters make a number. A text can only be part of a prompt whose numbers include all numbers
of the text. The query then compares the texts that the index finds. The Postgres extension pg_trgm does the same, but
not every Postgres has it; every Postgres can index arrays of numbers.
"""

from __future__ import annotations

LENGTH = 3
"""Shorter texts have no numbers: the query compares them with every prompt."""


def trigrams(text: str) -> set[int]:
    """Return the numbers of a text, 0 to 2**31 - 1. They do not depend on upper and lower case."""
    points = [ord(character) for character in text.lower()]
    return {
        ((first * 1_000_003 ^ second) * 1_000_003 ^ third) & 0x7FFF_FFFF
        for first, second, third in zip(points, points[1:], points[2:], strict=False)
    }

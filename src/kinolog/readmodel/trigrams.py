"""Texts as sets of numbers, so that an index finds every prompt with some text in it. Pure.

Each three characters in a row make a number; a text can only be part of a prompt whose numbers include all of its
own. What the index finds is then compared for real. Postgres has this as an extension (pg_trgm), but not every
Postgres has the extension; an index over arrays of numbers is in all of them.
"""

from __future__ import annotations

LENGTH = 3
"""Shorter texts have no numbers: they are looked for in every prompt."""


def trigrams(text: str) -> set[int]:
    """The numbers of a text, 0 to 2**31 - 1; upper and lower case have the same ones."""
    points = [ord(character) for character in text.lower()]
    return {
        ((first * 1_000_003 ^ second) * 1_000_003 ^ third) & 0x7FFF_FFFF
        for first, second, third in zip(points, points[1:], points[2:], strict=False)
    }

"""Find where the sentences of a text begin. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable

from kinolog.storyboard import marks


class SentenceStarts:
    """The places of a text where a sentence or a line begins, outside of quotations."""

    def __init__(self, text: str) -> None:
        self.text = text
        quotations = [match.span() for match in marks.QUOTATION.finditer(text)]
        self._starts = [start for start, _ in quotations]
        self._ends = [end for _, end in quotations]
        ends = [match for match in marks.SENTENCE_END.finditer(text) if not self._is_quoted(match.end())]
        self.places = [0, *(match.end() for match in ends if not _is_abbreviation(text, match))]
        clauses = (match.end() for match in marks.CLAUSE_END.finditer(text))
        quoted = self._is_quoted
        self._label_places = sorted(
            {0, *(match.end() for match in ends), *(at for at in clauses if not quoted(at))}
        )

    def _is_quoted(self, place: int) -> bool:
        before = bisect_left(self._starts, place)
        return before > 0 and place < self._ends[before - 1]

    def matches(self, pattern: re.Pattern[str]) -> Iterable[re.Match[str]]:
        """Return what matches at one of the places."""
        return (match for place in self.places if (match := pattern.match(self.text, place)))

    def labels(self, pattern: re.Pattern[str]) -> Iterable[re.Match[str]]:
        """Return what matches at one of the places, after an abbreviation or after a part of a sentence."""
        return (match for place in self._label_places if (match := pattern.match(self.text, place)))

    def matches_anywhere(self, pattern: re.Pattern[str]) -> Iterable[re.Match[str]]:
        """Return what matches outside of quotations."""
        return (match for match in pattern.finditer(self.text) if not self._is_quoted(match.start()))


def _is_abbreviation(text: str, end: re.Match[str]) -> bool:
    return bool(marks.ABBREVIATION.search(text[max(0, end.start() - 12) : end.start() + 1]))

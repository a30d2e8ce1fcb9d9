"""Prompts for models that know few words: unknown words are replaced by similar known ones or dropped. Pure.

The worker rewrites prompts with it, and the dashboard shows the same result while a prompt is typed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

_TOKENS = re.compile(r"\w+|[^\w\s]")
_SUFFIXES = ("s", "es", "ish", "y", "ly", "er", "est", "d", "ed", "ing", "like")
_FEWEST_LETTERS = 4
"""Shorter words are similar to too many others: `dog` is no misspelt `dot`."""

_SIMILARITY = 0.85
"""Cutoff of `difflib`: one letter too many or too few in a word of four or more, two letters in a long one."""


@dataclass(frozen=True, slots=True)
class VocabularyMatch:
    """Words of a prompt that a model does not know: dropped, or replaced by a known one (word, known word).

    They are words of the prompt: only the job's owner may see them, and no log of ours holds them.
    """

    dropped: tuple[str, ...] = ()
    replaced: tuple[tuple[str, str], ...] = ()

    @property
    def count(self) -> int:
        """Number of different words that the model does not know."""
        return len(self.dropped) + len(self.replaced)


class PromptVocabulary:
    """The words that a model knows."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        self._by_initial: dict[str, list[str]] = {}
        for word in sorted(self._known):
            if len(word) >= _FEWEST_LETTERS and word.isalpha():
                self._by_initial.setdefault(word[0], []).append(word)

    def rewrite(self, text: str) -> tuple[str, VocabularyMatch]:
        """Return the text in known words, and the unknown words (each once, in order)."""
        words: list[str] = []
        dropped: dict[str, None] = {}
        replaced: dict[str, str] = {}
        for token in _TOKENS.findall(unicodedata.normalize("NFKC", text)):
            word = token.lower()
            if word in self._known:
                words.append(word)
            elif (similar := self._similar(word)) is not None:
                words.append(similar)
                replaced[word] = similar
            elif word[0].isalnum():
                dropped[word] = None
        return " ".join(words), VocabularyMatch(tuple(dropped), tuple(replaced.items()))

    def _similar(self, word: str) -> str | None:
        """Return a known word with another suffix, or else one with the same initial and a similar spelling."""
        if len(word) < _FEWEST_LETTERS:
            return None
        for suffix in _SUFFIXES:
            stem = word.removesuffix(suffix)
            if stem != word and len(stem) > 2 and stem in self._known:
                return stem
        matches = get_close_matches(word, self._by_initial.get(word[0], ()), n=1, cutoff=_SIMILARITY)
        return matches[0] if matches else None

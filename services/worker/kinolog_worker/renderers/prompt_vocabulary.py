"""Prompts for models that know few words: unknown words are replaced by similar known ones or dropped.

Such a model has a `words.json` beside its weights. The known words are the tokens of its tokenizer, which must be whole
words in lower case.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kinolog_worker.renderers.renderer import SceneRequest, VocabularyMatch

WORDS_FILE = "words.json"
_TOKENS = re.compile(r"\w+|[^\w\s]")
_SUFFIXES = ("s", "es", "ish", "y", "ly", "er", "est", "d", "ed", "ing", "like")
_FEWEST_LETTERS = 4
"""Shorter words are similar to too many others: `dog` is no misspelt `dot`."""

_SIMILARITY = 0.85
"""Cutoff of `difflib`: one letter too many or too few in a word of four or more, two letters in a long one."""


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

    def rewrite_request(self, request: SceneRequest) -> SceneRequest:
        """Return the same request with both prompts in known words."""
        prompt, _ = self.rewrite(request.prompt)
        negative_prompt, _ = self.rewrite(request.negative_prompt)
        return replace(request, prompt=prompt, negative_prompt=negative_prompt)

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


def load_vocabulary(folder: Path, tokenizer: Any) -> PromptVocabulary | None:
    """Return the vocabulary of the model in `folder`. Return None for a model that takes any words."""
    if not (folder / WORDS_FILE).is_file():
        return None
    special = set(tokenizer.all_special_tokens)
    return PromptVocabulary(word for word in tokenizer.get_vocab() if word not in special)

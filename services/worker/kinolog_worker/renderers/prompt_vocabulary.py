"""Prompts for models that know few words: near ones take the place of unknown ones, the rest is left out.

A model says that it knows few words by a `words.json` beside its weights. Which words those are its tokenizer tells,
which must then have whole words as its tokens, in lower case.
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

WORDS = "words.json"
_PIECES = re.compile(r"\w+|[^\w\s]")
_ENDINGS = ("s", "es", "ish", "y", "ly", "er", "est", "d", "ed", "ing", "like")
_LEAST_LETTERS = 4
"""Shorter words have too many neighbours: `dog` is no misspelt `dot`."""

_LIKENESS = 0.85
"""Of `difflib`: one letter too many or too few in a word of four or more, two letters in a long one."""


class PromptVocabulary:
    """Reads prompts in the words that a model knows."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        self._by_initial: dict[str, list[str]] = {}
        for word in sorted(self._known):
            if len(word) >= _LEAST_LETTERS and word.isalpha():
                self._by_initial.setdefault(word[0], []).append(word)

    def read(self, text: str) -> tuple[str, VocabularyMatch]:
        """The text in known words, and what became of the others (each named once, in order)."""
        kept: list[str] = []
        left_out: dict[str, None] = {}
        taken_for: dict[str, str] = {}
        for piece in _PIECES.findall(unicodedata.normalize("NFKC", text)):
            word = piece.lower()
            if word in self._known:
                kept.append(word)
            elif (near := self._nearest(word)) is not None:
                kept.append(near)
                taken_for[word] = near
            elif word[0].isalnum():
                left_out[word] = None
        return " ".join(kept), VocabularyMatch(tuple(left_out), tuple(taken_for.items()))

    def request(self, request: SceneRequest) -> SceneRequest:
        """The same request in known words."""
        prompt, _ = self.read(request.prompt)
        negative_prompt, _ = self.read(request.negative_prompt)
        return replace(request, prompt=prompt, negative_prompt=negative_prompt)

    def _nearest(self, word: str) -> str | None:
        """A known word with another ending, or else one that is spelt nearly so and begins alike."""
        if len(word) < _LEAST_LETTERS:
            return None
        for ending in _ENDINGS:
            stem = word.removesuffix(ending)
            if stem != word and len(stem) > 2 and stem in self._known:
                return stem
        near = get_close_matches(word, self._by_initial.get(word[0], ()), n=1, cutoff=_LIKENESS)
        return near[0] if near else None


def vocabulary_of(folder: Path, tokenizer: Any) -> PromptVocabulary | None:
    """The wording of the model in `folder`; None for one that takes any words."""
    if not (folder / WORDS).is_file():
        return None
    special = set(tokenizer.all_special_tokens)
    return PromptVocabulary(word for word in tokenizer.get_vocab() if word not in special)

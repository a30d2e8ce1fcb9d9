"""The vocabulary of a model that knows few words, from its folder.

Such a model has a `words.json` beside its weights. The known words are the tokens of its tokenizer, which must be whole
words in lower case.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from kinolog.storyboard.prompt_vocabulary import PromptVocabulary
from kinolog_worker.renderers.renderer import SceneRequest

WORDS_FILE = "words.json"


class SceneVocabulary(PromptVocabulary):
    """The words that a model knows, for the prompts of a scene."""

    def rewrite_request(self, request: SceneRequest) -> SceneRequest:
        """Return the same request with both prompts in known words."""
        prompt, _ = self.rewrite(request.prompt)
        negative_prompt, _ = self.rewrite(request.negative_prompt)
        return replace(request, prompt=prompt, negative_prompt=negative_prompt)


def load_vocabulary(folder: Path, tokenizer: Any) -> SceneVocabulary | None:
    """Return the vocabulary of the model in `folder`. Return None for a model that takes any words."""
    if not (folder / WORDS_FILE).is_file():
        return None
    special = set(tokenizer.all_special_tokens)
    return SceneVocabulary(word for word in tokenizer.get_vocab() if word not in special)

"""How a prompt is rewritten with the words that a small model knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kinolog_worker.renderers.prompt_vocabulary import SceneVocabulary
from kinolog_worker.renderers.renderer import SceneRequest

from kinolog.storyboard.prompt_vocabulary import VocabularyMatch

KNOWN = {
    "a",
    "red",
    "crimson",
    "circle",
    "circles",
    "triangle",
    "moving",
    "right",
    "on",
    "blue",
    "star",
    ",",
    ".",
}
REQUEST = SceneRequest(
    prompt="A fluffy red circle",
    negative_prompt="blurry",
    width=64,
    height=64,
    frames=17,
    fps=8,
    steps=20,
    guidance=2.0,
    seed=1,
)


@pytest.fixture
def vocabulary() -> SceneVocabulary:
    return SceneVocabulary(KNOWN)


def test_known_words_stay(vocabulary: SceneVocabulary) -> None:
    """A prompt of known words stays the same in lower case, and no word is unknown."""
    assert vocabulary.rewrite("A RED circle, moving right.") == (
        "a red circle , moving right .",
        VocabularyMatch(),
    )


def test_unknown_words_are_dropped(vocabulary: SceneVocabulary) -> None:
    """Words that are similar to no known word are dropped, and each is reported once."""
    text, words = vocabulary.rewrite("a fluffy dog on a fluffy red circle")
    assert text == "a on a red circle"
    assert words == VocabularyMatch(dropped=("fluffy", "dog"))
    assert words.count == 2


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("crimsn", "crimson"),
        ("trianlge", "triangle"),
        ("reddish", None),
        ("blueish", "blue"),
        ("starlike", "star"),
    ],
)
def test_near_words(vocabulary: SceneVocabulary, word: str, near: str | None) -> None:
    """Misspelt words and words with another suffix are replaced by the most similar known ones; others are not."""
    text, words = vocabulary.rewrite(f"a {word} circle")
    if near is None:
        assert words == VocabularyMatch(dropped=(word,))
    else:
        assert text == f"a {near} circle"
        assert words == VocabularyMatch(replaced=((word, near),))


def test_short_words_are_not_replaced(vocabulary: SceneVocabulary) -> None:
    """A short word is not replaced by another: `rod` is not `red`, `stir` is not `star`."""
    _, words = vocabulary.rewrite("a rod, a stir")
    assert words.dropped == ("rod", "stir")


def test_unknown_punctuation_is_dropped(vocabulary: SceneVocabulary) -> None:
    """Punctuation that the model does not know is dropped and not reported."""
    assert vocabulary.rewrite("a red (circle)!") == ("a red circle", VocabularyMatch())


def test_both_prompts_of_a_request(vocabulary: SceneVocabulary) -> None:
    """Prompt and negative prompt are both rewritten; everything else of the request stays."""
    request = vocabulary.rewrite_request(REQUEST)
    assert (request.prompt, request.negative_prompt) == ("a red circle", "")
    assert (request.width, request.frames, request.seed) == (64, 17, 1)


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    """The result of any text holds known words only, and rewriting it again changes nothing."""
    vocabulary = SceneVocabulary(KNOWN)
    rewritten, words = vocabulary.rewrite(text)
    assert set(rewritten.split()) <= KNOWN
    assert vocabulary.rewrite(rewritten) == (rewritten, VocabularyMatch())
    assert not KNOWN.intersection(words.dropped)

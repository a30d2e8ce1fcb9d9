"""How a prompt is put into the words that a small model knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kinolog_worker.renderers.renderer import SceneRequest, VocabularyMatch
from kinolog_worker.renderers.prompt_vocabulary import PromptVocabulary

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
REQUEST = SceneRequest("A fluffy red circle", "blurry", 64, 64, 17, 8, 20, 2.0, 1)


@pytest.fixture
def wording() -> PromptVocabulary:
    return PromptVocabulary(KNOWN)


def test_known_words_stay(wording: PromptVocabulary) -> None:
    """A prompt of known words is the same words in lower case, and nothing is to be told."""
    assert wording.read("A RED circle, moving right.") == ("a red circle , moving right .", VocabularyMatch())


def test_unknown_words_are_left_out(wording: PromptVocabulary) -> None:
    """Words that resemble nothing known are left out, and each is named once."""
    text, words = wording.read("a fluffy dog on a fluffy red circle")
    assert text == "a on a red circle"
    assert words == VocabularyMatch(left_out=("fluffy", "dog"))
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
def test_near_words(wording: PromptVocabulary, word: str, near: str | None) -> None:
    """Misspelt words and words with another ending are taken for the nearest known ones; others are not."""
    text, words = wording.read(f"a {word} circle")
    if near is None:
        assert words == VocabularyMatch(left_out=(word,))
    else:
        assert text == f"a {near} circle"
        assert words == VocabularyMatch(taken_for=((word, near),))


def test_short_words_have_no_neighbours(wording: PromptVocabulary) -> None:
    """A short word is not taken for another: `rod` is not `red`, `stir` is not `star`."""
    _, words = wording.read("a rod, a stir")
    assert words.left_out == ("rod", "stir")


def test_unknown_marks_vanish(wording: PromptVocabulary) -> None:
    """Marks that the model does not know are dropped without a word about them."""
    assert wording.read("a red (circle)!") == ("a red circle", VocabularyMatch())


def test_both_prompts_of_a_request(wording: PromptVocabulary) -> None:
    """Prompt and negative prompt are both put into known words; everything else of the request stays."""
    request = wording.request(REQUEST)
    assert (request.prompt, request.negative_prompt) == ("a red circle", "")
    assert (request.width, request.frames, request.seed) == (64, 17, 1)


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    """Whatever is written, the result holds known words only, and reading it again changes nothing."""
    wording = PromptVocabulary(KNOWN)
    kept, words = wording.read(text)
    assert set(kept.split()) <= KNOWN
    assert wording.read(kept) == (kept, VocabularyMatch())
    assert not KNOWN.intersection(words.left_out)

"""Cut a prompt into shots. Pure and deterministic.

A prompt is cut at numbered scenes ("Scene 1: …", "1. …"). Without those it is cut at sentences, at "then" and similar
words, and where a transition is written out ("fade to …"). A sentence that depends on the one before ("It stops.")
stays with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Transition(StrEnum):
    """How a scene begins: at once, out of black, or out of the last frame of the scene before."""

    CUT = "cut"
    FADE = "fade"
    DISSOLVE = "dissolve"


@dataclass(frozen=True, slots=True)
class Shot:
    """A piece of the prompt, and the transition that is written out before it."""

    text: str
    transition: Transition = Transition.CUT


def shots_in(prompt: str, max_shots: int) -> list[Shot]:
    """Return the shots of a prompt, at least 1 and at most `max_shots`; the rest of the prompt joins the last."""
    return _merged(_shots(_single_spaced(prompt)), max_shots)


_NUMBERED = re.compile(
    r"(?:(?<=^)|(?<=[\n.!?;:])) ?(?:(?:scene|shot) (\d{1,3}) ?[:.)\-–—]|(\d{1,3})[.)](?=\s)) ?",
    re.IGNORECASE,
)


def _shots(prompt: str) -> list[Shot]:
    preamble, numbered = _numbered_scenes(prompt) if _NUMBER_CUE.search(prompt) else ("", [])
    if not numbered:
        return _sentences(prompt)
    context = f"{_with_full_stop(preamble)} " if preamble else ""
    shots = []
    for text in numbered:
        shot = _without_opening(text)
        shots.append(Shot(context + shot.text, shot.transition))
    return shots


_NUMBER_CUE = re.compile(r"\d[:.)\-–— ]")
"""A number and the character after it, in every prompt with numbered scenes. Most prompts do not match."""


def _numbered_scenes(prompt: str) -> tuple[str, list[str]]:
    """Return the text before scene 1, and the scenes if they are numbered 1, 2, 3, …; otherwise no scenes."""
    marks: list[re.Match[str]] = []
    for match in _NUMBERED.finditer(prompt):
        if int(match[1] or match[2]) == len(marks) + 1:
            marks.append(match)
    if not marks or (len(marks) == 1 and marks[0][1] is None):
        return "", []
    ends = [mark.start() for mark in marks[1:]] + [len(prompt)]
    texts = [_trimmed(prompt[mark.end() : end]) for mark, end in zip(marks, ends, strict=True)]
    return _trimmed(prompt[: marks[0].start()]), [text for text in texts if text]


_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+|\s*\n\s*|\s*[。！？]\s*")
_SENTENCE_END_CUE = re.compile(r"[.!?…\n。！？]")
"""In every sentence that has an end. Most prompts do not match, which this pattern finds faster."""

_ABBREVIATION = re.compile(
    r"(?:^|\s)(?:mr|mrs|ms|dr|st|vs|no|prof|approx|e\.g|i\.e|etc|[a-z])\.$|^\s*\d+\.$", re.IGNORECASE
)
_DEPENDENT = re.compile(
    r"(?:it|its|it's|they|their|he|she|his|her|this|these|that|both|all of"
    r"|the (?:camera|scene|shot|background|sky|light|lighting|style|mood)|camera|background|style|shot)\b",
    re.IGNORECASE,
)


def _sentences(prompt: str) -> list[Shot]:
    shots: list[Shot] = []
    for sentence in _cut_at_sentence_ends(prompt):
        for order, shot in enumerate(_clauses(sentence)):
            depends = order == 0 and shot.transition is Transition.CUT and _DEPENDENT.match(shot.text)
            if shots and (depends or not _has_words(shot.text)):
                shots[-1] = Shot(f"{_with_full_stop(shots[-1].text)} {shot.text}", shots[-1].transition)
            else:
                shots.append(shot)
    return shots or [Shot(prompt)]


def _cut_at_sentence_ends(prompt: str) -> list[str]:
    sentences: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(prompt) if _SENTENCE_END_CUE.search(prompt) else ():
        if _ABBREVIATION.search(prompt[start : match.start()][-12:]):
            continue
        sentences.append(prompt[start : match.end()])
        start = match.end()
    sentences.append(prompt[start:])
    return [tidied for sentence in sentences if (tidied := _trimmed(sentence))]


_CLAUSE_START = re.compile(
    r"(?:[,;]\s*|\s)(?:and\s+|but\s+)?(?<!since )(?<!by )(?<!until )(?<!back )(?<!even )(?<!if )"
    r"(?:then|after that|afterwards)\b,?\s+(?=\S)"
    r"|(?:[,;]\s*|\s|^)(?:and\s+)?(?:we\s+)?"
    r"(?=(?:cross-?fad|fad|dissolv|cut)(?:es|e|s|ing)?\s+(?:in)?to\s+(?!black\b|white\b|pieces\b))",
    re.IGNORECASE,
)
_CLAUSE_CUES = ("then", "after", "fad", "olv", "cut")
"""One of these is in every sentence that is cut at "then" or at a transition; the search is fast."""

_OWN_SUBJECT = re.compile(
    r"(?:an?|the|one|two|three|four|five|six|several|many|some|another|more|my|our|\d+)\b", re.IGNORECASE
)


def _clauses(sentence: str) -> list[Shot]:
    """Cut one sentence at "then" and at written-out transitions.

    A clause without its own subject ("then turns blue") is joined to the last clause that has one.
    """
    shots: list[Shot] = []
    base = ""
    lowered = sentence.lower()
    cut = any(cue in lowered for cue in _CLAUSE_CUES)
    for piece in _CLAUSE_START.split(sentence) if cut else (sentence,):
        if not (text := _trimmed(piece)):
            continue
        shot = _without_opening(text)
        if not base or _OWN_SUBJECT.match(shot.text) or shot.transition is not Transition.CUT:
            base = shot.text
        else:
            shot = Shot(f"{base.rstrip('.!? ')}, then {shot.text}", shot.transition)
        shots.append(shot)
    return shots


_TRANSITION_OPENING = re.compile(
    r"(?:(?:we|and|then)\s+)*"
    r"(?:(?P<dissolve>cross-?fad(?:es?|ing)|dissolv(?:es?|ing))|(?P<fade>fad(?:es?|ing))|(?P<cut>cuts?|cutting))\s+"
    r"(?:in\s+(?:to|on|from black(?:\s+to)?)|into|to|from black(?:\s+to)?|in\s*[:,])"
    r"(?!\s+(?:black|white|pieces)\b)\s*[:,]?\s*(?=\S)",
    re.IGNORECASE,
)
_THEN_OPENING = re.compile(
    r"(?:and\s+)?(?:then|after that|afterwards|next|finally),?\s+(?=\S)", re.IGNORECASE
)


def _without_opening(text: str) -> Shot:
    """Remove a written-out beginning ("Then", "Fade to", "Cut to:") from a piece of text."""
    text = _THEN_OPENING.sub("", text, count=1) if _THEN_OPENING.match(text) else text
    match = _TRANSITION_OPENING.match(text)
    if match is None:
        return Shot(text)
    name = match.lastgroup or Transition.CUT.value
    return Shot(text[match.end() :], Transition(name))


def _merged(shots: list[Shot], max_shots: int) -> list[Shot]:
    """Return at most `max_shots` shots; the rest joins the last."""
    if len(shots) <= max_shots:
        return shots
    tail = " ".join(_with_full_stop(shot.text) for shot in shots[max_shots - 1 :])
    return [*shots[: max_shots - 1], Shot(tail, shots[max_shots - 1].transition)]


def _with_full_stop(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…", ":")) else f"{text}."


def _single_spaced(prompt: str) -> str:
    """Return the prompt with single spaces, so that no pattern backtracks over a run of them."""
    return re.sub(r"\n\s+", "\n", re.sub(r"[^\S\n]+", " ", prompt)).strip()


def _trimmed(text: str) -> str:
    return " ".join(text.split()).strip(",; ")


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)

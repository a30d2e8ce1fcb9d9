"""Cut a prompt into shots at the marks that its author wrote. Pure and deterministic.

The marks, of which the first kind that stands there twice counts: labels ("Scene 1:", "[Shot 2 (3s)]"), headings of a
screenplay ("INT. KITCHEN"), times ("0-2s: …"), the numbers of a list ("1. …"), blank lines, and sentences that begin
with "then" or with a written-out transition ("Fade to …"). Nothing else begins a shot: no full stop, no abbreviation,
nothing in a quotation. See decision 74.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from kinolog.storyboard import marks
from kinolog.storyboard.sentence_starts import SentenceStarts
from kinolog.storyboard.style_notes import is_style_line, is_style_sentence, without_style_lines


class Transition(StrEnum):
    """How a scene begins: at once, out of black, or out of the last frame of the scene before."""

    CUT = "cut"
    FADE = "fade"
    DISSOLVE = "dissolve"


@dataclass(frozen=True, slots=True)
class Shot:
    """A piece of the prompt, the transition that is written out before it, and its length, if that is written too."""

    text: str
    transition: Transition = Transition.CUT
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class MarkedPrompt:
    """The shots of a prompt, and the texts of its lines that begin with "Negative:"."""

    shots: tuple[Shot, ...]
    negative: str = ""

    @property
    def seconds(self) -> float | None:
        """Length of all shots together, if each has one."""
        lengths = [shot.seconds for shot in self.shots if shot.seconds is not None]
        return sum(lengths) if len(lengths) == len(self.shots) else None


def marked_shots(prompt: str, max_shots: int) -> MarkedPrompt:
    """Return the shots of a prompt: 1 to `max_shots`, of which the last has the rest.

    What stands before the first label, and what says how the film looks (a line "Style: …", a tail such as "Shot on
    35mm. 4k."), is part of every shot. The prompt of a single shot is the whole prompt, but for its negative lines.
    """
    text, negative = _without_negative(_single_spaced(prompt))
    if not _has_words(text):
        return MarkedPrompt((Shot(prompt),))
    body, style = without_style_lines(text.replace("**", ""))
    body, tail = _without_tail(body)
    before, shots = _cut(body)
    if len(shots) < 2:
        return MarkedPrompt((Shot(text),), negative)
    return MarkedPrompt(
        tuple(
            replace(shot, text=joined((before, shot.text, *style, tail)))
            for shot in _merged(shots, max_shots)
        ),
        negative,
    )


def joined(texts: Iterable[str]) -> str:
    """Return texts as sentences after each other."""
    whole = ""
    for text in filter(None, texts):
        whole = f"{_with_space(_with_full_stop(whole))}{text}" if whole else text
    return whole


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a shot is marked, where its text begins, and its length, if the mark has it."""

    start: int
    end: int
    seconds: float | None = None


def _cut(text: str) -> tuple[str, list[Shot]]:
    """Return what stands before the first shot, and the shots; fewer than two if nothing is marked."""
    starts = SentenceStarts(text)
    for find in (_labels, _headings, _timings, _items):
        found = find(starts)
        if len(found) > 1:
            ends = [mark.start for mark in found[1:]] + [len(text)]
            pieces = [text[mark.end : end] for mark, end in zip(found, ends, strict=True)]
            return _with_transitions(text[: found[0].start], pieces, [mark.seconds for mark in found])
    for pieces in (_paragraphs(text), _openings(starts)):
        if len(pieces) > 1:
            return _with_transitions("", pieces, [None] * len(pieces))
    return "", []


def _labels(starts: SentenceStarts) -> list[_Mark]:
    in_brackets = [
        match for match in starts.matches_anywhere(marks.LABEL) if match["open"] and match["close"]
    ]
    found = _counted(in_brackets)
    if len(found) < 2:
        found = _counted(match for match in starts.labels(marks.LABEL) if match["end"] is not None)
    return [_Mark(match.start(), match.end(), _label_seconds(match)) for match in found]


def _label_seconds(label: re.Match[str]) -> float | None:
    if label["comma"]:
        return _moment(label["comma"])
    inside = _length(label["from"], label["to"], label["unit"])
    return inside or _length(label["from_after"], label["to_after"], label["unit_after"])


def _headings(starts: SentenceStarts) -> list[_Mark]:
    return [_Mark(match.start(), match.start()) for match in starts.matches(marks.HEADING)]


def _items(starts: SentenceStarts) -> list[_Mark]:
    return [_Mark(match.start(), match.end()) for match in _counted(starts.matches(marks.ITEM))]


def _timings(starts: SentenceStarts) -> list[_Mark]:
    in_brackets = [
        match for match in starts.matches_anywhere(marks.TIMING) if match["open"] and match["close"]
    ]
    found = _following(in_brackets)
    if len(found) < 2:
        clocks = (
            match for match in starts.labels(marks.TIMING) if match["end"] is not None or ":" in match["to"]
        )
        found = _following(clocks)
    return found


def _following(timings: Iterable[re.Match[str]]) -> list[_Mark]:
    """Return the marks of times that do not go back."""
    found: list[_Mark] = []
    reached = 0.0
    for match in timings:
        seconds = _length(match["from"], match["to"], match["unit"] or match["unit_before"])
        if seconds and reached <= _moment(match["from"]):
            found.append(_Mark(match.start(), match.end(), seconds))
            reached = _moment(match["to"])
    return found


def _paragraphs(text: str) -> list[str]:
    """Return the texts between blank lines. Lines that say how shots look belong to the paragraph before."""
    found: list[str] = []
    for paragraph in text.split("\n\n"):
        if found and all(map(is_style_line, paragraph.split("\n"))):
            found[-1] += f"\n{paragraph}"
        else:
            found.append(paragraph)
    return found


def _openings(starts: SentenceStarts) -> list[str]:
    """Return the text, cut at sentences that begin with "then" or with a transition."""
    found = [*starts.matches(marks.THEN), *starts.matches(marks.TRANSITION)]
    places = [0, *sorted({match.start() for match in found} - {0}), len(starts.text)]
    return [starts.text[start:end] for start, end in pairwise(places)]


def _counted(matches: Iterable[re.Match[str]]) -> list[re.Match[str]]:
    """Return the matches that are numbered 1, 2, 3, …"""
    found: list[re.Match[str]] = []
    for match in matches:
        number = next(text for name, text in match.groupdict().items() if text and name.startswith("number"))
        if _whole_number(number) == len(found) + 1:
            found.append(match)
    return found


def _whole_number(text: str) -> int:
    return int(text) if text.isdecimal() else marks.DIGITS.get(text.lower(), 0)


def _with_transitions(
    before: str, pieces: Sequence[str], lengths: Sequence[float | None]
) -> tuple[str, list[Shot]]:
    """Return the shots of pieces of text, without what is written out between them ("CUT TO:", "Then")."""
    before, into = _without_last_line(before)
    shots: list[Shot] = []
    for piece, seconds in zip(pieces, lengths, strict=True):
        text, next_into = _without_last_line(piece)
        shot = _without_opening(_trimmed(text))
        if _has_words(shot.text):
            transition = shot.transition if shot.transition is not Transition.CUT else into
            shots.append(Shot(shot.text, transition or Transition.CUT, seconds))
            into = next_into
        else:
            into = next_into or into
    return _trimmed(before), shots


def _without_last_line(text: str) -> tuple[str, Transition | None]:
    """Return a text without a last line such as "CUT TO:", and that transition."""
    start, _, line = text.rstrip().rpartition("\n")
    match = marks.TRANSITION_LINE.fullmatch(line.strip())
    return (start, Transition(match.lastgroup or Transition.CUT.value)) if match else (text, None)


def _without_opening(text: str) -> Shot:
    """Return a shot without its written-out beginning ("Then", "Fade to", "Cut to:")."""
    first, _, rest = text.partition("\n")
    if match := marks.TRANSITION_LINE.fullmatch(first.strip()):
        return Shot(_trimmed(rest), Transition(match.lastgroup or Transition.CUT.value))
    if match := marks.TRANSITION.match(text):
        name = (match.lastgroup or Transition.CUT.value).removesuffix("_abroad")
        return Shot(text[match.end() :], Transition(name))
    if match := marks.THEN.match(text):
        return _without_opening(text[match.end() :])
    return Shot(text)


def _without_negative(text: str) -> tuple[str, str]:
    """Return a text without what it excludes, and that: from "Negative:" to the end of its line or the next label."""
    left: list[str] = []
    excluded: list[str] = []
    starts = SentenceStarts(text)
    labels = sorted(
        match.start() for pattern in (marks.LABEL, marks.TIMING) for match in starts.matches(pattern)
    )
    done = 0
    for match in starts.matches(marks.NEGATIVE):
        line_end = text.find("\n", match.end())
        following = bisect_left(labels, match.end())
        end = min(line_end if line_end >= 0 else len(text), *labels[following : following + 1], len(text))
        if _has_words(text[match.end() : end]):
            is_line = end == line_end and (match.start() == 0 or text[match.start() - 1] == "\n")
            left.append(text[done : match.start()])
            excluded.append(text[match.end() : end].strip(" \n.,;。"))
            done = end + is_line
    left.append(text[done:])
    return re.sub(r"\n{3,}", "\n\n", "".join(left)).strip(), ", ".join(excluded)


def _without_tail(text: str) -> tuple[str, str]:
    """Return a text, and the sentences at its end that say how the film looks. No mark is left without its shot."""
    places = [*SentenceStarts(text).places, len(text)]
    sentences = [text[start:end] for start, end in pairwise(places)]
    kept = len(sentences)
    while kept > 1 and _is_tail(sentences[kept - 1]):
        kept -= 1
    while kept < len(sentences) and _is_bare_mark(sentences[kept - 1]):
        kept += 1
    return "".join(sentences[:kept]).strip(), _trimmed("".join(sentences[kept:]))


_MARKS = (marks.LABEL, marks.TIMING, marks.ITEM, marks.THEN, marks.TRANSITION)


def _is_tail(sentence: str) -> bool:
    if not _has_words(sentence):
        return True
    return is_style_sentence(sentence) and not any(mark.match(sentence) for mark in _MARKS)


def _is_bare_mark(sentence: str) -> bool:
    if not _has_words(sentence):
        return True
    found = [match for mark in _MARKS if (match := mark.match(sentence))]
    return any(not _has_words(sentence[match.end() :]) for match in found)


def _merged(shots: list[Shot], max_shots: int) -> list[Shot]:
    """Return at most `max_shots` shots; the rest joins the last."""
    if len(shots) <= max_shots:
        return shots
    rest = shots[max_shots - 1 :]
    seconds = MarkedPrompt(tuple(rest)).seconds
    return [*shots[: max_shots - 1], Shot(joined(shot.text for shot in rest), rest[0].transition, seconds)]


def _with_space(text: str) -> str:
    """Return a text with a space after it, if its script has spaces."""
    return text if text.endswith(("。", "！", "？", "」", "』")) else f"{text} "


def _with_full_stop(text: str) -> str:
    ends = (
        ".",
        "!",
        "?",
        "…",
        ":",
        "。",
        "！",
        "？",
        "：",
        "।",
        "؟",
        '."',
        '!"',
        '?"',
        ".”",
        "!”",
        "?”",
        "」",
        "』",
    )
    return text if text.endswith(ends) else f"{text}."


def _single_spaced(prompt: str) -> str:
    """Return the prompt with single spaces and at most one blank line in a row, so that no pattern backtracks."""
    lines = (" ".join(line.split()) for line in prompt.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _trimmed(text: str) -> str:
    return text.strip(" \n,;、，；*_")


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _length(begins: str | None, ends: str | None, unit: str | None) -> float | None:
    """Return the seconds between two moments. None if they lack a unit or do not follow each other."""
    if not ends or not (unit or ":" in ends):
        return None
    length = _moment(ends) - _moment(begins or "0")
    return length if length > 0 else None


def _moment(text: str) -> float:
    """Return seconds from "2", "2.5" or "0:02"."""
    minutes, _, seconds = text.replace(",", ".").rpartition(":")
    return 60 * int(minutes or 0) + float(seconds)

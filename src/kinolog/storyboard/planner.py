"""The storyboard: which scenes a prompt asks for, how long each lasts, and how one leads into the next.

Pure and deterministic: the same prompt, length and seed give the same scenes on every machine, for ever. A
prompt is cut at numbered scenes ("Scene 1: …", "1. …") or else at sentences, at "then" and its kin, and where
a transition is spelled out ("fade to …"). A sentence that leans on the one before ("It stops.") stays with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

MAX_SCENES = 32
"""More scenes than this are never made; what is left of the prompt joins the last."""

SHORTEST_SCENE_SECONDS = 1.0
FEWEST_SCENE_FRAMES = 5


class Camera(StrEnum):
    """How the camera moves in a scene, as far as the prompt says."""

    STATIC = "static"
    PAN = "pan"
    PAN_LEFT = "pan_left"
    PAN_RIGHT = "pan_right"
    TILT = "tilt"
    TILT_UP = "tilt_up"
    TILT_DOWN = "tilt_down"
    ZOOM = "zoom"
    ZOOM_IN = "zoom_in"
    ZOOM_OUT = "zoom_out"
    DOLLY = "dolly"
    TRACKING = "tracking"
    ORBIT = "orbit"
    AERIAL = "aerial"
    HANDHELD = "handheld"


class Transition(StrEnum):
    """How a scene begins: at once, out of black, or out of the last picture of the scene before."""

    CUT = "cut"
    FADE = "fade"
    DISSOLVE = "dissolve"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedScene:
    """One shot of the clip. Scenes follow each other without gaps; `index` counts from 0."""

    index: int
    prompt: str
    start_seconds: float
    duration_seconds: float
    frames: int
    camera: Camera
    transition: Transition
    seed: int


@dataclass(frozen=True, slots=True)
class _Shot:
    """A piece of the prompt with the transition that was spelled out before it."""

    text: str
    transition: Transition = Transition.CUT


def plan_storyboard(prompt: str, frames: int, fps: int, seed: int) -> tuple[PlannedScene, ...]:
    """The scenes of a clip of exactly `frames` frames. Raises ValueError for a blank prompt or no frames.

    The first scene has the seed of the job: a clip of one scene is what the bare model makes of the prompt.
    """
    if not prompt.strip():
        raise ValueError("the prompt is blank")
    if frames < 1 or fps < 1:
        raise ValueError("frames and fps must be at least 1")
    shots = _merged(_shots(_spaced(prompt)), most_scenes(frames, fps))
    counts = [frames // len(shots) + (index < frames % len(shots)) for index in range(len(shots))]
    return tuple(
        PlannedScene(
            index=index,
            prompt=shot.text,
            start_seconds=sum(counts[:index]) / fps,
            duration_seconds=counts[index] / fps,
            frames=counts[index],
            camera=camera_in(shot.text),
            transition=shot.transition,
            seed=seed if index == 0 else _derived(seed, index),
        )
        for index, shot in enumerate(shots)
    )


def most_scenes(frames: int, fps: int) -> int:
    """How many scenes a clip has room for, when none may be shorter than a second or a handful of frames."""
    shortest = max(FEWEST_SCENE_FRAMES, round(fps * SHORTEST_SCENE_SECONDS))
    return max(1, min(MAX_SCENES, frames // shortest))


_CAMERA_WORDS: tuple[tuple[Camera, re.Pattern[str]], ...] = tuple(
    (camera, re.compile(words, re.IGNORECASE))
    for camera, words in (
        (Camera.PAN_LEFT, r"\bpan(?:s|ning)?\s+(?:\w+\s+)?left\b"),
        (Camera.PAN_RIGHT, r"\bpan(?:s|ning)?\s+(?:\w+\s+)?right\b"),
        (Camera.TILT_UP, r"\btilt(?:s|ing)?\s+up(?:wards?)?\b"),
        (Camera.TILT_DOWN, r"\btilt(?:s|ing)?\s+down(?:wards?)?\b"),
        (Camera.ZOOM_IN, r"\bzoom(?:s|ing)?[\s-]+in(?:to)?\b|\bpush(?:es)?[\s-]in\b"),
        (Camera.ZOOM_OUT, r"\bzoom(?:s|ing)?[\s-]+out\b|\bpull(?:s|ing)?[\s-]back\b"),
        (Camera.PAN, r"\b(?:pans|panning|pan\s+(?:shot|across|over))\b"),
        (Camera.TILT, r"\b(?:tilts|tilting|tilt\s+shot)\b"),
        (Camera.ZOOM, r"\bzoom(?:s|ing)?\b"),
        (Camera.DOLLY, r"\bdolly\b"),
        (Camera.TRACKING, r"\btracking\s+shot\b|\bcamera\s+follows\b"),
        (Camera.ORBIT, r"\bcamera\s+(?:orbits|circles)\b|\borbit(?:ing)?\s+shot\b"),
        (Camera.AERIAL, r"\b(?:aerial|drone)\s+(?:shot|view|footage)\b|\bbird'?s[\s-]eye\b"),
        (Camera.HANDHELD, r"\bhand-?held\b"),
    )
)


_CAMERA_CUES = (
    "pan", "tilt", "zoom", "push", "pull", "dolly", "tracking", "camera", "orbit", "aerial", "drone", "bird", "hand",
)  # fmt: skip
"""One of these is in every text that names a camera movement; most prompts hold none, which is seen quickly."""


def camera_in(text: str) -> Camera:
    """The first camera movement that the text names; static when it names none."""
    lowered = text.lower()
    for cue in _CAMERA_CUES:
        if cue in lowered:
            break
    else:
        return Camera.STATIC
    found = [
        (match.start(), order)
        for order, (_, words) in enumerate(_CAMERA_WORDS)
        if (match := words.search(text))
    ]
    return _CAMERA_WORDS[min(found)[1]][0] if found else Camera.STATIC


_NUMBERED = re.compile(
    r"(?:(?<=^)|(?<=[\n.!?;:])) ?(?:(?:scene|shot) (\d{1,3}) ?[:.)\-–—]|(\d{1,3})[.)](?=\s)) ?",
    re.IGNORECASE,
)


def _shots(prompt: str) -> list[_Shot]:
    preamble, numbered = _numbered(prompt) if _MARKED.search(prompt) else ("", [])
    if not numbered:
        return _sentences(prompt)
    context = f"{_closed(preamble)} " if preamble else ""
    shots = []
    for text in numbered:
        shot = _opened(text)
        shots.append(_Shot(context + shot.text, shot.transition))
    return shots


_MARKED = re.compile(r"\d[:.)\-–— ]")
"""In every prompt whose scenes are numbered: it is what a number is followed by."""


def _numbered(prompt: str) -> tuple[str, list[str]]:
    """What stands before scene 1, and the scenes, when they are numbered 1, 2, 3, …; else no scenes."""
    marks: list[re.Match[str]] = []
    for match in _NUMBERED.finditer(prompt):
        if int(match[1] or match[2]) == len(marks) + 1:
            marks.append(match)
    if not marks or (len(marks) == 1 and marks[0][1] is None):
        return "", []
    ends = [mark.start() for mark in marks[1:]] + [len(prompt)]
    texts = [_tidy(prompt[mark.end() : end]) for mark, end in zip(marks, ends, strict=True)]
    return _tidy(prompt[: marks[0].start()]), [text for text in texts if text]


_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+|\s*\n\s*|\s*[。！？]\s*")
_ENDING = re.compile(r"[.!?…\n。！？]")
"""In every sentence that has an end; most prompts hold none, which is seen quickly."""

_ABBREVIATION = re.compile(
    r"(?:^|\s)(?:mr|mrs|ms|dr|st|vs|no|prof|approx|e\.g|i\.e|etc|[a-z])\.$|^\s*\d+\.$", re.IGNORECASE
)
_LEANING = re.compile(
    r"(?:it|its|it's|they|their|he|she|his|her|this|these|that|both|all of"
    r"|the (?:camera|scene|shot|background|sky|light|lighting|style|mood)|camera|background|style|shot)\b",
    re.IGNORECASE,
)


def _sentences(prompt: str) -> list[_Shot]:
    shots: list[_Shot] = []
    for sentence in _cut_at_sentence_ends(prompt):
        for order, shot in enumerate(_clauses(sentence)):
            leans = order == 0 and shot.transition is Transition.CUT and _LEANING.match(shot.text)
            if shots and (leans or not _says_something(shot.text)):
                shots[-1] = _Shot(f"{_closed(shots[-1].text)} {shot.text}", shots[-1].transition)
            else:
                shots.append(shot)
    return shots or [_Shot(prompt)]


def _cut_at_sentence_ends(prompt: str) -> list[str]:
    sentences: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(prompt) if _ENDING.search(prompt) else ():
        if _ABBREVIATION.search(prompt[start : match.start()][-12:]):
            continue
        sentences.append(prompt[start : match.end()])
        start = match.end()
    sentences.append(prompt[start:])
    return [tidied for sentence in sentences if (tidied := _tidy(sentence))]


_THEN = re.compile(
    r"(?:[,;]\s*|\s)(?:and\s+|but\s+)?(?<!since )(?<!by )(?<!until )(?<!back )(?<!even )(?<!if )"
    r"(?:then|after that|afterwards)\b,?\s+(?=\S)"
    r"|(?:[,;]\s*|\s|^)(?:and\s+)?(?:we\s+)?"
    r"(?=(?:cross-?fad|fad|dissolv|cut)(?:es|e|s|ing)?\s+(?:in)?to\s+(?!black\b|white\b|pieces\b))",
    re.IGNORECASE,
)
_THEN_CUES = ("then", "after", "fad", "olv", "cut")
"""One of these is wherever a sentence is cut at "then" or at a transition."""

_INDEPENDENT = re.compile(
    r"(?:an?|the|one|two|three|four|five|six|several|many|some|another|more|my|our|\d+)\b", re.IGNORECASE
)


def _clauses(sentence: str) -> list[_Shot]:
    """Cut one sentence at "then" and at spelled-out transitions.

    A clause without a subject of its own ("then turns blue") is told together with the last one that had one.
    """
    shots: list[_Shot] = []
    base = ""
    lowered = sentence.lower()
    cut = any(cue in lowered for cue in _THEN_CUES)
    for piece in _THEN.split(sentence) if cut else (sentence,):
        if not (text := _tidy(piece)):
            continue
        shot = _opened(text)
        if not base or _INDEPENDENT.match(shot.text) or shot.transition is not Transition.CUT:
            base = shot.text
        else:
            shot = _Shot(f"{base.rstrip('.!? ')}, then {shot.text}", shot.transition)
        shots.append(shot)
    return shots


_OPENING = re.compile(
    r"(?:(?:we|and|then)\s+)*"
    r"(?:(?P<dissolve>cross-?fad(?:es?|ing)|dissolv(?:es?|ing))|(?P<fade>fad(?:es?|ing))|(?P<cut>cuts?|cutting))\s+"
    r"(?:in\s+(?:to|on|from black(?:\s+to)?)|into|to|from black(?:\s+to)?|in\s*[:,])"
    r"(?!\s+(?:black|white|pieces)\b)\s*[:,]?\s*(?=\S)",
    re.IGNORECASE,
)
_THEN_OPENING = re.compile(
    r"(?:and\s+)?(?:then|after that|afterwards|next|finally),?\s+(?=\S)", re.IGNORECASE
)


def _opened(text: str) -> _Shot:
    """Take a spelled-out beginning ("Then", "Fade to", "Cut to:") off a piece of text."""
    text = _THEN_OPENING.sub("", text, count=1) if _THEN_OPENING.match(text) else text
    match = _OPENING.match(text)
    if match is None:
        return _Shot(text)
    name = match.lastgroup or Transition.CUT.value
    return _Shot(text[match.end() :], Transition(name))


def _merged(shots: list[_Shot], most: int) -> list[_Shot]:
    """At most `most` shots; the tail joins the last."""
    if len(shots) <= most:
        return shots
    tail = " ".join(_closed(shot.text) for shot in shots[most - 1 :])
    return [*shots[: most - 1], _Shot(tail, shots[most - 1].transition)]


def _closed(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…", ":")) else f"{text}."


def _spaced(prompt: str) -> str:
    """The prompt with runs of blanks as one, so that no pattern ever looks twice at the same blanks."""
    return re.sub(r"\n\s+", "\n", re.sub(r"[^\S\n]+", " ", prompt)).strip()


def _tidy(text: str) -> str:
    return " ".join(text.split()).strip(",; ")


def _says_something(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _derived(seed: int, index: int) -> int:
    """The seed of a later scene: 32 bits that depend on the seed of the job and the index alone."""
    return int.from_bytes(sha256(f"{seed}/{index}".encode()).digest()[:4], "big")

"""Find the camera movement that a text names. Pure."""

from __future__ import annotations

import re
from enum import StrEnum


class Camera(StrEnum):
    """The camera movement that a prompt names."""

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
"""One of these is in every text that names a camera movement. Most prompts hold none; the search is fast."""


def camera_in(text: str) -> Camera:
    """Return the first camera movement that the text names; `STATIC` if it names none."""
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

"""What an input of a job is for: the picture that its video starts from, a video that it continues, and so on."""

from __future__ import annotations

from enum import StrEnum

PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp")
VIDEO_TYPES = ("video/mp4", "video/webm")


class InputRole(StrEnum):
    """What a picture or a clip is to the video that is made from it."""

    FIRST_FRAME = "first_frame"
    LAST_FRAME = "last_frame"
    REFERENCE = "reference"
    VIDEO = "video"
    CONTROL = "control"
    FACE = "face"

    @property
    def noun(self) -> str:
        """The input in words for people, without an article."""
        return _NOUNS[self]

    @property
    def media_types(self) -> tuple[str, ...]:
        """The types of file that are such an input."""
        return VIDEO_TYPES if self.is_clip else PICTURE_TYPES

    @property
    def is_clip(self) -> bool:
        """Whether it has frames, and is no single picture."""
        return self in _CLIPS


_NOUNS = {
    InputRole.FIRST_FRAME: "first picture",
    InputRole.LAST_FRAME: "last picture",
    InputRole.REFERENCE: "reference picture",
    InputRole.VIDEO: "video",
    InputRole.CONTROL: "control video",
    InputRole.FACE: "video of a face",
}
_CLIPS = frozenset({InputRole.VIDEO, InputRole.CONTROL, InputRole.FACE})

"""Port: an upscaler enlarges the frames of finished scenes, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from kinolog.job.values import UsedUpscaler

if TYPE_CHECKING:
    from kinolog_worker.media.frames import Frames

OUT_OF_MEMORY = "OUT_OF_MEMORY"
"""Error code of a frame for which the device has no memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscalerSource:
    """Where an upscaler comes from, and how it enlarges: in tiles of `tile` pixels a side that share `overlap` pixels.

    `location` is a folder. `sha256` is that of the weights as the catalogue states it, empty if it states
    none.
    """

    name: str
    location: str
    scale: int
    tile: int
    overlap: int
    licence: str
    sha256: str = ""


class Upscaler(Protocol):
    """Enlarges frames. The same frame gives the same result on the same device, however many there are."""

    @property
    def used(self) -> UsedUpscaler:
        """What the history of a job says of it."""
        ...

    def enlarge(self, frame: Frames, check: Callable[[], None]) -> Frames:
        """Return an RGB frame, shape (height, width, 3), enlarged by the scale.

        `check` is called between tiles and may raise to stop. Raises RenderFailed; its code is `OUT_OF_MEMORY` if the
        device has no room, and the frame can be tried again.
        """
        ...

    def leave_device(self) -> None:
        """Free the memory of the device. The next frame takes it again."""
        ...


@runtime_checkable
class UpscalerLoader(Protocol):
    """A renderer class whose package has upscalers."""

    def load_upscaler(self, source: UpscalerSource, device: str) -> Upscaler:
        """Return an upscaler, checked and in the memory of the host. Raises RenderFailed."""
        ...


@runtime_checkable
class DeviceReleaser(Protocol):
    """A renderer that can make room on its device."""

    def release_device(self) -> None:
        """Free the memory of the model. It is loaded again for the next scene."""
        ...

"""The profile of a job: its step cache, and how near its clips come to those of the model as it is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

EXACT = "exact"
"""The profile that each model has: the model as it is."""


class CacheKind(StrEnum):
    """What a step cache leaves out. Storage: names are added, never changed.

    `first-block`: all blocks but the first, in steps in which what the first one adds has changed by less than a
    threshold. `taylor`: the attention of all blocks in steps between those that are computed whole; a Taylor series
    predicts it. `taylor-blocks`: the blocks themselves in such steps; what the last layer makes of them is predicted.
    """

    FIRST_BLOCK = "first-block"
    TAYLOR = "taylor"
    TAYLOR_BLOCKS = "taylor-blocks"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCache:
    """The step cache of a job. Values that its kind does not have are 0.

    `threshold` is the relative change below which `first-block` leaves blocks out. Of the other kinds every
    `interval`-th step is computed whole, after the first `full_steps`; `order` is that of the Taylor series.
    """

    kind: str
    threshold: float = 0.0
    interval: int = 0
    full_steps: int = 0
    order: int = 0

    def __str__(self) -> str:
        if self.kind == CacheKind.FIRST_BLOCK:
            return f"{self.kind}, threshold {self.threshold:g}"
        return f"{self.kind}, interval {self.interval}, full steps {self.full_steps}, order {self.order}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedProfile:
    """The profile of an attempt, and how its clips compare with those of `exact`, as the worker had measured it.

    `clips` pairs of clips were compared, `width` by `height` with so many `frames`, in `steps` steps with the profile
    and `exact_steps` without. `psnr_db` is the peak signal-to-noise ratio over all of them, `ssim` their mean
    similarity, and `speed` how many times as fast they were denoised. `calibration` is the SHA-256 of what they were
    made with: model, libraries, hardware and settings. Without a calibration all of these are empty.
    """

    name: str
    cache: StepCache | None = None
    calibration: str = ""
    psnr_db: float = 0.0
    ssim: float = 0.0
    speed: float = 0.0
    clips: int = 0
    width: int = 0
    height: int = 0
    frames: int = 0
    steps: int = 0
    exact_steps: int = 0

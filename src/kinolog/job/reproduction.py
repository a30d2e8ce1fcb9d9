"""A job that renders a completed one again, and how the two videos compare. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from kinolog.job.values import Runtime

_BY_NAME = ("libraries", "options")
"""Facts of a runtime that are values by name. Each name is a fact of its own."""

_EXPLANATIONS = ("placement_reason",)
"""Facts that explain others, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameComparison:
    """How the frames of two videos differ. `first_frame` is the first that differs, counted from 0.

    `psnr_db` is the peak signal-to-noise ratio over all frames and planes, `ssim` the mean similarity of the frames,
    1 for equal ones.
    """

    psnr_db: float
    ssim: float
    first_frame: int
    different_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeDifference:
    """One fact that two attempts ran with differently. A value is empty if an attempt has none."""

    name: str
    original: str
    reproduction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedOriginal:
    """What a worker found as it compared its video with that of the job that it reproduces.

    `frames` is None if all are equal, and if they could not be compared: `trouble` then says why.
    """

    job_id: str
    frame_hash: str
    runtime: Runtime
    frames: FrameComparison | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """How the video of a job compares with that of the job `original`, which it reproduces.

    `differences` are what the two attempts ran with differently: the likely cause of other frames.
    """

    original: str
    original_frame_hash: str
    identical: bool
    frames: FrameComparison | None = None
    trouble: str = ""
    differences: tuple[RuntimeDifference, ...] = ()


def reproduction_of(compared: ComparedOriginal, frame_hash: str, runtime: Runtime) -> Reproduction:
    """Return how a video with `frame_hash`, rendered on `runtime`, compares with that of the original."""
    return Reproduction(
        original=compared.job_id,
        original_frame_hash=compared.frame_hash,
        identical=frame_hash == compared.frame_hash,
        frames=compared.frames,
        trouble=compared.trouble,
        differences=runtime_differences(compared.runtime, runtime),
    )


def runtime_differences(original: Runtime, reproduction: Runtime) -> tuple[RuntimeDifference, ...]:
    """Return the facts that differ, by name."""
    before, after = dict(_facts(original)), dict(_facts(reproduction))
    return tuple(
        RuntimeDifference(name=name, original=before.get(name, ""), reproduction=after.get(name, ""))
        for name in sorted(before.keys() | after.keys())
        if before.get(name, "") != after.get(name, "")
    )


def _facts(runtime: Runtime) -> Iterator[tuple[str, str]]:
    """Yield each fact of a runtime as a name and a text."""
    for field in fields(runtime):
        value = getattr(runtime, field.name)
        if field.name in _BY_NAME:
            yield from ((f"{field.name}.{name}", str(one)) for name, one in value.items())
        elif field.name == "loras":
            yield from ((f"loras.{lora.name}", f"{lora.sha256} at {lora.weight:g}") for lora in value)
        elif field.name == "upscaler":
            yield "upscaler", f"{value.name} {value.sha256}" if value is not None else ""
        elif field.name == "profile":
            yield "profile", " ".join(map(str, filter(None, (value.name, value.cache)))) if value else ""
        elif field.name not in _EXPLANATIONS:
            yield field.name, value

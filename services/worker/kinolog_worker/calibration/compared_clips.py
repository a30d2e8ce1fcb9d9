"""Draws clips as the model is and with a profile, and compares them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from kinolog.job.rendering.profile import UsedProfile
from kinolog.job.values import UsedLora
from kinolog_worker.media.comparison.frame_comparison import likeness_of
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.profiles.calibration import ProfileSettings, store_calibration
from kinolog_worker.renderers.renderer import (
    LoraSource,
    LoraUser,
    ModelSource,
    RenderAgain,
    Renderer,
    RenderFailed,
    SceneRequest,
    StepReport,
)

_WARM_UP_STEPS = 2

ReportClip = Callable[[int], None]
"""Called with the number of clips that are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileMeasurement:
    """What is measured: `requests` of the model as it is, and the same with the settings of a profile."""

    profile: str
    model: ModelSource
    requests: Sequence[SceneRequest]
    settings: ProfileSettings
    loras: Sequence[LoraSource] = ()


def calibrate(
    renderer: Renderer, device: str, measurement: ProfileMeasurement, report: ReportClip
) -> UsedProfile:
    """Draw all clips twice on a device. Return the profile with its figures, which are stored.

    The noise, the prompts and the inputs of both are the same. The time is that of denoising, on a device that has
    drawn before. Raises RenderFailed and OSError.
    """
    facts = renderer.load(measurement.model, device)
    drawn = 0

    def report_one() -> None:
        nonlocal drawn
        drawn += 1
        report(drawn)

    with TemporaryDirectory(prefix="kinolog-calibration-") as folder:
        exact = _DrawnSide(renderer, measurement.requests, (), Path(folder) / "exact")
        exact.draw(report_one)
        changed = [_with(settings=measurement.settings, request=request) for request in measurement.requests]
        other = _DrawnSide(renderer, changed, measurement.loras, Path(folder) / "profile")
        other.draw(report_one)
        psnr_db, ssim = likeness_of(exact.clips(), other.clips())
    first = measurement.requests[0]
    profile = UsedProfile(
        name=measurement.profile,
        cache=measurement.settings.cache,
        psnr_db=psnr_db,
        ssim=ssim,
        speed=exact.seconds / other.seconds,
        clips=len(measurement.requests),
        width=first.width,
        height=first.height,
        frames=first.frames,
        steps=measurement.settings.steps,
        exact_steps=first.steps,
    )
    return store_calibration(profile, measurement.settings, replace(facts, loras=other.used_loras))


def _with(settings: ProfileSettings, request: SceneRequest) -> SceneRequest:
    return replace(
        request,
        steps=settings.steps,
        guidance=settings.guidance,
        sigmas=settings.sigmas,
        flow_shift=settings.flow_shift,
        cache=settings.cache,
    )


class _DrawnSide:
    """The clips of one side of the comparison: those of the model as it is, or those of the profile."""

    def __init__(
        self,
        renderer: Renderer,
        requests: Sequence[SceneRequest],
        loras: Sequence[LoraSource],
        folder: Path,
    ) -> None:
        """Frames are kept in the `folder`, uncompressed."""
        self._renderer = renderer
        self._requests = requests
        self._loras = loras
        self._folder = folder
        self.seconds = 0.0
        """How long all clips were denoised."""
        self.used_loras: tuple[UsedLora, ...] = ()

    def draw(self, report: Callable[[], None]) -> None:
        """Draw all clips. Raises RenderFailed."""
        if isinstance(self._renderer, LoraUser):
            self.used_loras = self._renderer.use_loras(self._loras)
        elif self._loras:
            raise RenderFailed("LORAS_UNSUPPORTED", "this renderer takes no LoRA", retryable=False)
        self._folder.mkdir()
        self._drawn(_shorter(self._requests[0]), self._folder / "warm-up")
        for number, request in enumerate(self._requests):
            self.seconds += self._drawn(request, self._file(number))
            report()

    def clips(self) -> Iterator[Frames]:
        """Yield the frames of all clips."""
        for number, request in enumerate(self._requests):
            shape = (request.frames, request.height, request.width, 3)
            yield np.memmap(self._file(number), dtype=np.uint8, mode="r", shape=shape)

    def _file(self, number: int) -> Path:
        return self._folder / f"{number}.rgb"

    def _drawn(self, request: SceneRequest, file: Path) -> float:
        """Draw a clip into a file. Return how long it was denoised."""
        self._renderer.encode_prompt(request)
        while True:
            try:
                return self._drawn_once(request, file)
            except RenderAgain:
                continue

    def _drawn_once(self, request: SceneRequest, file: Path) -> float:
        started = ended = perf_counter()

        def observe(report: StepReport) -> None:
            nonlocal ended
            if report.stage == "denoise" and report.step == report.steps:
                if report.settle is not None:
                    report.settle()
                ended = perf_counter()

        with file.open("wb") as target:
            for run in self._renderer.render(request, observe, lambda: False):
                target.write(np.ascontiguousarray(run).data)
        return ended - started


def _shorter(request: SceneRequest) -> SceneRequest:
    """Return the request of a clip that warms up the device. Its steps may be stated."""
    return request if request.sigmas else replace(request, steps=min(request.steps, _WARM_UP_STEPS))

"""Draws clips as the model is and with a profile, and compares them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from kinolog.counts import counted
from kinolog.job.rendering.profile import UsedProfile
from kinolog.job.values import UsedLora
from kinolog_worker.media.comparison.frame_comparison import likeness_of
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.profiles.calibration import ProfileSettings, lossy_weights, store_calibration
from kinolog_worker.renderers.renderer import (
    LoadedFacts,
    LoraSource,
    LoraUser,
    ModelSource,
    PlacedRenderer,
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
    renderer: Renderer,
    device: str,
    measurement: ProfileMeasurement,
    report: ReportClip,
    folder: Path | None = None,
) -> UsedProfile:
    """Draw all clips twice on a device. Return the profile with its figures, which are stored.

    The noise, the prompts and the inputs of both are the same. The time is that of denoising, on a device that has
    drawn before. Frames are kept in `folder` meanwhile, else where temporary files are.

    Raises RenderFailed and OSError.
    """
    facts = renderer.load(measurement.model, device)
    drawn = 0

    def report_one() -> None:
        nonlocal drawn
        drawn += 1
        report(drawn)

    with TemporaryDirectory(prefix="kinolog-calibration-", dir=folder) as clips:
        exact = _DrawnSide(renderer, measurement.requests, (), Path(clips) / "exact")
        exact.draw(report_one)
        changed = [_with(settings=measurement.settings, request=request) for request in measurement.requests]
        other = _DrawnSide(renderer, changed, measurement.loras, Path(clips) / "profile")
        other.draw(report_one)
        _check_sides(exact, other)
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
    drawn_with = replace(_current_facts(renderer, facts), loras=other.used_loras)
    return store_calibration(profile, measurement.settings, drawn_with)


def _current_facts(renderer: Renderer, loaded: LoadedFacts) -> LoadedFacts:
    """Return the facts as the last clip was drawn; `loaded` are those as the model was loaded."""
    return renderer.current_facts() if isinstance(renderer, PlacedRenderer) else loaded


def _with(settings: ProfileSettings, request: SceneRequest) -> SceneRequest:
    return replace(
        request,
        steps=settings.steps,
        guidance=settings.guidance,
        sigmas=settings.sigmas,
        flow_shift=settings.flow_shift,
        cache=settings.cache,
    )


def _check_sides(exact: _DrawnSide, other: _DrawnSide) -> None:
    """Raise RenderFailed if the clips of the sides differ in more than the profile, or if their times are unknown."""
    if len(weights := exact.weights | other.weights) > 1:
        named = " and ".join(sorted(one or "of the model" for one in weights))
        raise _unsuitable(
            f"memory ran out: clips were drawn with different weights ({named}). Free memory of the device, or name "
            "the placement in the entry of the model"
        )
    if not (exact.seconds and other.seconds):
        raise _unsuitable("this renderer does not report the steps that it makes")


def _unsuitable(problem: str) -> RenderFailed:
    return RenderFailed("CALIBRATION_UNSUITABLE", problem, retryable=False)


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
        self.weights: set[str] = set()
        """The weights that clips were drawn with, as `lossy_weights` names them."""

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
                seconds = self._drawn_once(request, file)
                break
            except RenderAgain:
                continue
        if isinstance(self._renderer, PlacedRenderer):
            self.weights.add(lossy_weights(self._renderer.current_facts()))
        return seconds

    def _drawn_once(self, request: SceneRequest, file: Path) -> float:
        started = ended = perf_counter()

        def observe(report: StepReport) -> None:
            nonlocal ended
            if report.stage == "denoise" and report.step == report.steps:
                if report.settle is not None:
                    report.settle()
                ended = perf_counter()

        drawn = 0
        with file.open("wb") as target:
            for run in self._renderer.render(request, observe, lambda: False):
                drawn += len(run)
                target.write(np.ascontiguousarray(run).data)
        if drawn != request.frames:
            problem = f"the renderer drew {counted(drawn, 'frame')}, not {request.frames}"
            raise RenderFailed("FRAMES_WRONG", problem, retryable=False)
        return ended - started


def _shorter(request: SceneRequest) -> SceneRequest:
    """Return the request of a clip that warms up the device. Its steps may be stated."""
    return request if request.sigmas else replace(request, steps=min(request.steps, _WARM_UP_STEPS))

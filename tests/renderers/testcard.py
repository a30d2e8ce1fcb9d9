"""A renderer for tests: moving colour bars from seed and prompt, drawn at once or with delays."""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import re
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import numpy as np
from kinolog_worker.media.clips import ClipSampling, read_clip
from kinolog_worker.media.frames import Frames
from kinolog_worker.media.sound.samples import Sound
from kinolog_worker.media.thumbnails import jpeg_of
from kinolog_worker.renderers.canvas import Canvas, canvas_for, fit
from kinolog_worker.renderers.renderer import (
    EncodedPrompt,
    HeldMemory,
    LoadedFacts,
    ModelSource,
    Observe,
    OtherModels,
    RenderCancelled,
    RenderFailed,
    SceneRequest,
    ShouldStop,
    StepReport,
)

from kinolog.job.values import DEVICE_MISSING
from kinolog.models.number_rule import ANY_NUMBER, NumberRule

RENDERER = "testcard"
"""Name of its entry point (see `tests.renderers.installed`)."""

_RUN_FRAMES = 4
_LOOK_SECONDS = 0.05
_AWAITED = re.compile(r" until (/\S+?)\.?$")
EVEN = NumberRule(2)
_FAULTS = ("die", "fail", "starve", "raise", "quote", "stop", "hang", "compute", "lose", "misuse", "pause")


class TestcardRenderer:
    """Draws vertical bars that move to the right, one bar width in sixteen frames.

    Options: `device` (what it says that it uses), `device_file` (a file without which the device is missing),
    `step_seconds` (delay of each denoising step), `load_seconds`, `is_blank` (all frames are black),
    `frames_left_out`, `click_frames` (the frames at whose start its sound clicks; no sound without any,
    `sound_rate` samples a second, `sound_value` instead of the click's), and for faults `die_at_step` (the process
    kills itself), `fail_at_step` (RenderFailed), `starve_at_step` (MemoryError), `raise_at_step` (an error that
    quotes the prompt), `misuse_at_step` (an error of a wrong call), `lose_at_step` (an error after which the device
    takes no more work from the process), `quote_at_step` (prints, warnings and log records of a library that quote
    it, and no error), `stop_at_step` (a signal stops the process), `hang_at_step` (native code holds the
    interpreter lock and waits without end; so does `hang_at_load`), `compute_at_step` (it holds the lock and
    computes for some `compute_seconds`), `pause_at_step` (it waits without end, and other threads go on). Steps
    count from 1. `at_seed` limits a fault to the scene with this seed, and `once_file` to the first time: it names
    a file that must not exist yet. `count_file` gets a line for each scene that is begun, and one when it is drawn. A
    scene that goes on from another one moves the bars on. One whose prompt ends in `until` and the path of a file waits
    for that file after its first step.
    """

    __test__ = False  # the name starts like a test class

    def __init__(self) -> None:
        self._options: dict[str, object] = {}
        self._encoded: set[str] = set()
        self._has_lost_device = False
        self._sound: Sound | None = None

    def load(self, model: ModelSource, device: str) -> LoadedFacts:
        started = time.perf_counter()
        if model.location == "missing":
            raise RenderFailed("MODEL_NOT_FOUND", "the test card is missing", retryable=False)
        self._options = dict(model.options)
        if "device_file" in self._options and not Path(str(self._options["device_file"])).exists():
            raise RenderFailed(DEVICE_MISSING, f"this machine has no device {device}", retryable=True)
        time.sleep(self._number("load_seconds"))
        if self._number("hang_at_load") and self._first_time():
            ctypes.PyDLL(None).pause()
        return LoadedFacts(
            revision="testcard-1",
            libraries={"numpy": np.__version__},
            device=str(self._options.get("device", "cpu" if device == "auto" else device)),
            hardware=platform.machine(),
            dtype="uint8",
            seconds=time.perf_counter() - started,
            size_bytes=0,
        )

    def share_memory(self, others: OtherModels) -> None:
        """Leave the others as they are."""

    def held_memory(self) -> HeldMemory:
        return HeldMemory()

    def encode_prompt(self, request: SceneRequest) -> EncodedPrompt:
        cached = request.prompt in self._encoded
        self._encoded.add(request.prompt)
        return EncodedPrompt(cached)

    def render(self, request: SceneRequest, observe: Observe, should_stop: ShouldStop) -> Iterator[Frames]:
        canvas = canvas_for(request, width_rule=EVEN, height_rule=EVEN, frame_rule=ANY_NUMBER)
        bars = np.random.default_rng((request.seed, crc32(request.prompt.encode()))).integers(
            0, 256, size=(8, 3), dtype=np.uint8
        )
        before = _end_of_scene_before(request, canvas)
        self._count("begun")
        if self._options.get("is_blank"):
            bars[:] = 0
        for step in range(1, request.steps + 1):
            if step == min(2, request.steps):
                _wait_for_file(request.prompt, should_stop)
            time.sleep(self._number("step_seconds"))
            self._fault(step, request)
            if should_stop():
                raise RenderCancelled
            observe(StepReport("denoise", step, request.steps, lambda: jpeg_of(_card(bars, 0, 64, 64))))
        self._sound = self._clicks(request)
        drawn = 0
        for start in range(0, canvas.frames, _RUN_FRAMES):
            if should_stop():
                raise RenderCancelled
            indices = range(start, min(start + _RUN_FRAMES, canvas.frames))
            cards = np.stack([_frame(bars, before, index, canvas) for index in indices])
            run = fit(cards, canvas, request)[: request.frames - drawn]
            drawn += len(run)
            yield run[: max(0, len(run) - int(self._number("frames_left_out")))]
            observe(StepReport("decode", drawn, request.frames))
        self._count("drawn")

    def take_sound(self) -> Sound | None:
        sound, self._sound = self._sound, None
        return sound

    def _clicks(self, request: SceneRequest) -> Sound | None:
        """Return sound of two channels that clicks, half a second longer than the scene."""
        clicks = self._options.get("click_frames")
        if not isinstance(clicks, list | tuple):
            return None
        rate = int(self._number("sound_rate")) or 24_000
        samples = np.zeros((2, request.frames * rate // request.fps + rate // 2), np.float32)
        for frame in clicks:
            start = frame * rate // request.fps
            samples[:, start : start + rate // 1000] = self._number("sound_value") or 0.9
        return Sound(samples, rate)

    def has_lost_device(self) -> bool:
        return self._has_lost_device

    def close(self) -> None:
        self._encoded.clear()

    def _count(self, what: str) -> None:
        """Write that a scene was begun or drawn, if the test counts."""
        if "count_file" in self._options:
            with Path(str(self._options["count_file"])).open("a") as file:
                file.write(f"{what}\n")

    def _number(self, option: str) -> float:
        value = self._options.get(option, 0)
        return float(value) if isinstance(value, int | float) else 0.0

    def _fault(self, step: int, request: SceneRequest) -> None:
        due = [name for name in _FAULTS if self._number(f"{name}_at_step") == step]
        if not due or self._options.get("at_seed", request.seed) != request.seed or not self._first_time():
            return
        match due[0]:
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "fail":
                raise RenderFailed(
                    "REQUEST_UNSUPPORTED",
                    "the test card has a fault",
                    retryable=False,
                    detail=f"it cannot draw {request.prompt!r}",
                )
            case "starve":
                raise MemoryError
            case "quote":
                _quote(request.prompt)
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "hang":
                ctypes.PyDLL(None).pause()
            case "pause":
                threading.Event().wait()
            case "compute":
                _compute(self._number("compute_seconds"))
            case "misuse":
                raise TypeError(f"no argument fits {request.prompt!r}")
            case "lose":
                self._has_lost_device = True
                raise RuntimeError("the assertion failed on the device")
            case _:
                raise RuntimeError(f"could not draw {request.prompt!r}")

    def _first_time(self) -> bool:
        once = self._options.get("once_file")
        if once is None:
            return True
        try:
            os.close(os.open(str(once), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        return True


def _wait_for_file(prompt: str, should_stop: ShouldStop) -> None:
    """Wait until there is the file that the prompt names. Raises RenderCancelled."""
    awaited = _AWAITED.search(prompt)
    while awaited and not Path(awaited[1]).exists():
        if should_stop():
            raise RenderCancelled
        time.sleep(_LOOK_SECONDS)


def _quote(prompt: str) -> None:
    """Quote the prompt in all ways in which libraries do."""
    print(f"drawing {prompt}")
    sys.stderr.write(f"drawing {prompt}\n")
    warnings.warn(f"the input was truncated: {prompt}", stacklevel=1)
    logging.getLogger("some_library").warning("the following part of your input was truncated: %s", [prompt])

    def fail() -> None:
        raise ValueError(prompt)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


def _compute(seconds: float) -> None:
    """Compute in one call that holds the interpreter lock."""
    terms = 1_000_000
    started = time.process_time()
    sum(range(terms))
    sum(range(int(terms * seconds / (time.process_time() - started))))


def _end_of_scene_before(request: SceneRequest, canvas: Canvas) -> Frames | None:
    """Return the last frame of the scene that the request goes on from, shape (height, width, 3); None without one."""
    for file in request.inputs:
        if file.continued_frames:
            size = ClipSampling(
                width=canvas.width, height=canvas.height, fps=request.fps, frames=1, least=1, from_end=True
            )
            return np.asarray(read_clip(file.path, file.media_type, size, lambda: None)[-1])
    return None


def _frame(bars: Frames, before: Frames | None, index: int, canvas: Canvas) -> Frames:
    """Return frame number `index`. After another scene its bars go on to move, whatever the seed."""
    if before is None:
        return _card(bars, index, canvas.width, canvas.height)
    return np.roll(before, (index + 1) * canvas.width // 128, axis=1)


def _card(bars: Frames, index: int, width: int, height: int) -> Frames:
    """Return frame number `index`: eight bars over `width` pixels, moved to the right."""
    columns = (np.arange(width) - index * width // 128) * 8 // width % 8
    line: Frames = bars[columns]
    return np.broadcast_to(line, (height, width, 3))

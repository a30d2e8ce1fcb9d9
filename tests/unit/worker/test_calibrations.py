"""Calibrations: the figures of a profile, stored under the hash of all that they depend on."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kinolog_worker.calibration.compared_clips import ProfileMeasurement, calibrate
from kinolog_worker.calibration.measurement import PROMPTS, measurement_of
from kinolog_worker.inference.job_renderer import JobRenderer
from kinolog_worker.inference.messages import LoadedMessage, Message, PlacedMessage, RenderJob
from kinolog_worker.inference.model_cache import LoadedModel, ModelCache
from kinolog_worker.inference.postprocess.finish_thread import FinishThread
from kinolog_worker.media.comparison.frame_comparison import likeness_of
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.profiles.calibration import ProfileSettings, store_calibration, used_profile
from kinolog_worker.renderers.renderer import (
    LoadedFacts,
    ModelSource,
    Observe,
    RenderFailed,
    SceneRequest,
    ShouldStop,
)

from kinolog.job.rendering.profile import StepCache, UsedProfile
from kinolog.job.reproduction import runtime_differences
from kinolog.job.values import Runtime, UsedLora
from kinolog.process.settings import CatalogueSettings
from tests.builders.render_jobs import card_job
from tests.renderers.testcard import TestcardRenderer

CACHE = StepCache(kind="first-block", threshold=0.08)
SETTINGS = ProfileSettings(steps=20, guidance=5.0, cache=CACHE)
FACTS = LoadedFacts(
    revision="abc",
    libraries={"torch": "2.13.0"},
    device="cuda:0",
    hardware="H200",
    dtype="bfloat16",
    seconds=1.0,
    size_bytes=1,
)
MEASURED = UsedProfile(
    name="cached",
    cache=CACHE,
    psnr_db=31.5,
    ssim=0.95,
    speed=1.8,
    clips=4,
    width=832,
    height=480,
    frames=81,
    steps=20,
    exact_steps=20,
)
LORA = UsedLora(name="ink", weight=1.0, sha256="ab" * 32, licence="mit")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibrations are in a folder of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_figures_are_found_for_what_they_were_measured_with() -> None:
    """Not for another model, library, device, LoRA or setting: a job of those is not calibrated.

    Neither the seconds that loading took nor the number of the device is one of them.
    """
    assert used_profile("cached", SETTINGS, FACTS) == UsedProfile(name="cached", cache=CACHE)
    stored = store_calibration(MEASURED, SETTINGS, FACTS)
    assert replace(stored, calibration="") == MEASURED
    assert used_profile("cached", SETTINGS, replace(FACTS, seconds=9.0, device="cuda:1")) == stored
    for placement in ("device", "group-offload, float16 decode", "text-offload, tiled decode"):
        assert used_profile("cached", SETTINGS, replace(FACTS, placement=placement)) == stored
    others = [
        replace(FACTS, revision="abd"),
        replace(FACTS, libraries={"torch": "2.14.0"}),
        replace(FACTS, hardware="H100"),
        replace(FACTS, dtype="float16"),
        replace(FACTS, loras=(LORA,)),
        replace(FACTS, options={"flow_shift": "5.0"}),
        replace(FACTS, placement="int8, float16 decode"),
        replace(FACTS, placement="float8"),
    ]
    assert [used_profile("cached", SETTINGS, facts).calibration for facts in others] == [""] * len(others)
    changed = [
        replace(SETTINGS, steps=21),
        replace(SETTINGS, guidance=4.0),
        replace(SETTINGS, cache=None),
        replace(SETTINGS, cache=replace(CACHE, threshold=0.09)),
        replace(SETTINGS, sigmas=(1.0, 0.5)),
        replace(SETTINGS, flow_shift=3.0),
    ]
    assert [used_profile("cached", one, FACTS).calibration for one in changed] == [""] * len(changed)


@pytest.mark.parametrize("content", ["", "[]", '{"figures": {"psnr_db": 1.0}}', "\0"])
def test_a_damaged_file_is_no_calibration(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A job is rendered without figures, and a line of the worker's log says why."""
    stored = store_calibration(MEASURED, SETTINGS, FACTS)
    (file,) = tmp_path.rglob("*.json")
    file.write_text(content)
    assert used_profile("cached", SETTINGS, FACTS) == UsedProfile(name="cached", cache=CACHE)
    assert f"the calibration {stored.calibration[:12]} cannot be read" in caplog.text


def test_another_calibration_is_no_difference_of_a_reproduction() -> None:
    """Figures change no pixel; another step cache does."""
    before, after = Runtime(profile=UsedProfile(name="cached", cache=CACHE)), Runtime(profile=MEASURED)
    assert runtime_differences(before, after) == ()
    other = replace(MEASURED, cache=replace(CACHE, threshold=0.5))
    (difference,) = runtime_differences(before, Runtime(profile=other))
    assert (difference.name, difference.original) == ("profile", "cached first-block, threshold 0.08")


def test_the_likeness_of_frames() -> None:
    """A pixel error of 16 everywhere is 24.05 dB; equal frames have 100 dB. Runs may be cut in other places."""
    frames: Frames = np.full((4, 16, 16, 3), 100, np.uint8)
    psnr_db, ssim = likeness_of([frames], [frames[:1] + 16, frames[1:] + 16])
    assert psnr_db == pytest.approx(24.05, abs=0.01)
    assert 0 < ssim < 1
    assert likeness_of([frames], [frames[:3], frames[3:]]) == (100.0, 1.0)
    with pytest.raises(ValueError, match="shorter"):
        likeness_of([frames], [frames[:3]])
    with pytest.raises(ValueError, match="no frame"):
        likeness_of([], [])


class PlacedCards(TestcardRenderer):
    """Draws test cards. Memory runs out before the scene with a number, from 1 on: then it has weights of 8 bits."""

    def __init__(self, runs_out_at: int = 0) -> None:
        super().__init__()
        self._scenes_left = runs_out_at

    def load(self, model: ModelSource, device: str) -> LoadedFacts:
        self._facts = replace(super().load(model, device), placement="device")
        return self._facts

    def current_facts(self) -> LoadedFacts:
        return self._facts

    def render(self, request: SceneRequest, observe: Observe, should_stop: ShouldStop) -> Iterator[Frames]:
        self._scenes_left -= 1
        if self._scenes_left == 0:
            self._facts = replace(self._facts, placement="int8, tiled decode")
        yield from super().render(request, observe, should_stop)


class CardModel(ModelCache):
    """Holds a renderer of test cards."""

    def __init__(self, renderer: TestcardRenderer | None = None) -> None:
        super().__init__("cpu")
        self._renderer = renderer or TestcardRenderer()

    def load(self, model: ModelSource) -> LoadedModel:
        return LoadedModel(self._renderer, self._renderer.load(model, "cpu"), cached=False)


def _recorded(job: RenderJob, renderer: TestcardRenderer | None = None) -> UsedProfile | None:
    """Render a job. Return the profile that its attempt records last."""
    sent: list[Message] = []
    thread = FinishThread()
    JobRenderer(job, CardModel(renderer), sent.append, lambda: False, thread).draw()()
    thread.end()
    loaded = [message for message in sent if isinstance(message, LoadedMessage | PlacedMessage)]
    return loaded[-1].facts.profile


def test_a_job_records_the_figures_of_its_profile(tmp_path: Path) -> None:
    """Without a calibration its name and its step cache; a job of the model as it is has none."""
    job = card_job(tmp_path / "exact", "a star", 4)
    assert _recorded(job) is None
    profile = UsedProfile(name="cached", cache=CACHE)
    cached = replace(job, profile=profile, folder=tmp_path / "cached")
    assert _recorded(cached) == profile
    facts = CardModel().load(job.model).facts
    settings = ProfileSettings(steps=job.steps, guidance=job.guidance, cache=CACHE)
    stored = store_calibration(MEASURED, settings, facts)
    assert _recorded(replace(cached, folder=tmp_path / "measured")) == stored


def test_weights_of_fewer_bits_have_figures_of_their_own(tmp_path: Path) -> None:
    """A job for which memory runs out is not like the clips that were measured with the weights of the model."""
    job = replace(card_job(tmp_path / "job", "a star", 4), profile=UsedProfile(name="cached", cache=CACHE))
    renderer = PlacedCards()
    facts = renderer.load(job.model, "cpu")
    settings = ProfileSettings(steps=job.steps, guidance=job.guidance, cache=CACHE)
    stored = store_calibration(MEASURED, settings, facts)
    assert _recorded(job, renderer) == stored
    job = replace(job, folder=tmp_path / "again")
    assert _recorded(job, PlacedCards(runs_out_at=1)) == job.profile


CATALOGUE = """
[[models]]
name = "card"
source = "/models/card"
renderer = "testcard"
sizes = ["64x48"]
[models.defaults]
width = 64
height = 48
frames = 6
steps = 8
[models.profiles.fast]
steps = 4
[[models]]
name = "i2v"
source = "/models/i2v"
pipeline = "WanImageToVideoPipeline"
[models.profiles.fast]
steps = 4
"""


def _measurement(folder: Path, model: str, profile: str, clips: int = 3, **files: Path) -> ProfileMeasurement:
    path = folder / "models.toml"
    path.write_text(CATALOGUE)
    return measurement_of(CatalogueSettings(catalogue=path), model, profile, clips, **files)


def test_clips_are_drawn_twice_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same prompts and seeds, with the settings of the profile. Its jobs then have the figures."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    measurement = _measurement(tmp_path, "card", "fast")
    assert [request.prompt for request in measurement.requests] == list(PROMPTS[:3])
    assert [request.seed for request in measurement.requests] == [1, 2, 3]
    drawn: list[int] = []
    renderer = TestcardRenderer()
    profile = calibrate(renderer, "cpu", measurement, drawn.append)
    assert drawn == [1, 2, 3, 4, 5, 6]
    assert (profile.clips, profile.steps, profile.exact_steps, profile.frames) == (3, 4, 8, 6)
    assert (profile.psnr_db, profile.ssim) == (
        100.0,
        1.0,
    )  # this renderer draws the same in any number of steps
    assert profile.speed > 0
    facts = renderer.load(measurement.model, "cpu")
    assert used_profile("fast", measurement.settings, facts) == profile
    assert not list(tmp_path.glob("kinolog-calibration-*"))


class UncountedCards(TestcardRenderer):
    """Does not report its steps."""

    def render(self, request: SceneRequest, observe: Observe, should_stop: ShouldStop) -> Iterator[Frames]:
        yield from super().render(request, lambda report: None, should_stop)


@pytest.mark.parametrize(
    ("renderer", "options", "code", "problem"),
    [
        (PlacedCards(runs_out_at=4), {}, "CALIBRATION_UNSUITABLE", "memory ran out: .*int8 and of the model"),
        (UncountedCards(), {}, "CALIBRATION_UNSUITABLE", "this renderer does not report the steps"),
        (TestcardRenderer(), {"frames_left_out": 1}, "FRAMES_WRONG", "drew 4 frames, not 6"),
    ],
)
def test_clips_that_cannot_be_compared_are_refused(
    renderer: TestcardRenderer, options: dict[str, object], code: str, problem: str, tmp_path: Path
) -> None:
    """Figures of those would be taken for figures of the profile. Nothing is stored."""
    measurement = _measurement(tmp_path, "card", "fast", 1)
    measurement = replace(measurement, model=replace(measurement.model, options=options))
    with pytest.raises(RenderFailed, match=problem) as refused:
        calibrate(renderer, "cpu", measurement, lambda drawn: None)
    assert refused.value.code == code
    assert not list(tmp_path.rglob("*.json"))


def test_figures_hold_for_the_weights_that_clips_were_drawn_with(tmp_path: Path) -> None:
    """The model was loaded with its own, and drew with others from the first clip on."""
    measurement = _measurement(tmp_path, "card", "fast", 1)
    renderer = PlacedCards(runs_out_at=1)
    profile = calibrate(renderer, "cpu", measurement, lambda drawn: None)
    (file,) = tmp_path.rglob("*.json")
    assert json.loads(file.read_text())["conditions"]["weights"] == "int8"
    assert used_profile("fast", measurement.settings, renderer.current_facts()) == profile


@pytest.mark.parametrize(
    ("model", "profile", "problem"),
    [
        ("wan", "fast", "there is no model wan; there are"),
        ("card", "quick", "card has no profile quick; it has fast"),
        ("kinolog-tiny", "fast", "kinolog-tiny has no profile fast; it has none but exact"),
        ("i2v", "fast", "i2v starts from a first picture"),
    ],
)
def test_what_cannot_be_measured_is_refused(model: str, profile: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(RenderFailed, match=problem):
        _measurement(tmp_path, model, profile)


def test_prompts_and_a_picture_are_files(tmp_path: Path) -> None:
    """One prompt on each line; those of the file are repeated if there are more clips."""
    prompts, picture, text = (tmp_path / name for name in ("prompts.txt", "p.png", "p.txt"))
    prompts.write_text("a cat\n\na dog\n")
    picture.write_bytes(b"png")
    text.write_bytes(b"\xff")
    measurement = _measurement(tmp_path, "i2v", "fast", prompts=prompts, picture=picture)
    assert [request.prompt for request in measurement.requests] == ["a cat", "a dog", "a cat"]
    assert [one.path for one in measurement.requests[0].inputs] == [picture]
    cases: tuple[tuple[dict[str, Path], str], ...] = (
        ({"picture": text}, "is no PNG, JPEG or WebP file"),
        ({"picture": picture, "prompts": text}, "is no UTF-8 text"),
        ({"picture": picture, "prompts": tmp_path / "none"}, "none"),
    )
    for files, problem in cases:
        with pytest.raises((RenderFailed, FileNotFoundError), match=problem):
            _measurement(tmp_path, "i2v", "fast", 3, **files)

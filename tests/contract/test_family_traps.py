"""What went wrong with families when their pipelines were driven by their signatures."""

from __future__ import annotations

import copy
import inspect
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from kinolog_worker.renderers.diffusers.checkpoints.stepped_schedulers import SteppedSchedulers
from kinolog_worker.renderers.diffusers.latents import decoded_video, frame_runs
from kinolog_worker.renderers.diffusers.model_folder import family_of
from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer
from kinolog_worker.renderers.diffusers.step_reports import reported_steps
from kinolog_worker.renderers.renderer import ModelSource, RenderFailed, StepReport

from kinolog.models.families import families
from tests.fixtures.drawn_families import LIBRARY_WARNINGS, REQUEST, drawn_family
from tests.renderers.tiny.families import TINY_FAMILIES
from tests.renderers.tiny.stand_ins import packages_of_cosmos

_library: Any = diffusers  # untyped in part
pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)

BY_SCHEDULER = families()["HunyuanVideo15Pipeline"]
"""A family whose steps are seen at its scheduler."""


def _schedulers() -> list[Callable[[], Any]]:
    return [
        _library.CogVideoXDPMScheduler,
        _library.FlowMatchEulerDiscreteScheduler,
        _library.UniPCMultistepScheduler,
    ]


@pytest.mark.parametrize("make", _schedulers())
def test_a_reporting_scheduler_keeps_its_signature(make: Callable[[], Any]) -> None:
    """Pipelines look there for `generator`: CogVideoX loses its noise if it is not seen.

    So does one that is followed for checkpoints, of whose timesteps pipelines ask for `sigmas` and `mu`.
    """
    pipe = SimpleNamespace(scheduler=make())
    names = ("step", "set_timesteps")
    expected = [inspect.signature(getattr(pipe.scheduler, name)) for name in names]
    followed = SteppedSchedulers(lambda _, result: result, lambda: None).followed(pipe)
    with followed, reported_steps(pipe, BY_SCHEDULER, lambda values, latents: {}):
        assert [inspect.signature(getattr(pipe.scheduler, name)) for name in names] == expected
        assert type(pipe.scheduler).__name__ == make.__name__
    assert type(pipe.scheduler) is make


def test_a_copy_of_a_reporting_scheduler_steps_itself() -> None:
    """Sound and single frames have deep copies of the scheduler: each has a position of its own."""
    pipe = SimpleNamespace(scheduler=_library.FlowMatchEulerDiscreteScheduler())
    with reported_steps(pipe, BY_SCHEDULER, lambda values, latents: {}):
        pipe.scheduler.set_timesteps(3)
        other = copy.deepcopy(pipe.scheduler)
        sample = torch.zeros(1)
        other.step(sample, other.timesteps[0], sample)
        assert (other.step_index, pipe.scheduler.step_index) == (1, None)


def test_a_family_with_a_callback_leaves_its_scheduler_alone() -> None:
    """LTX-2 and SkyReels-V2 copy their schedulers: none of them is reported twice."""
    for name in ("LTX2Pipeline", "SkyReelsV2DiffusionForcingPipeline"):
        pipe = SimpleNamespace(scheduler=_library.FlowMatchEulerDiscreteScheduler())
        with reported_steps(pipe, families()[name], lambda values, latents: {}) as arguments:
            assert set(arguments) == {"callback_on_step_end"}
            assert type(pipe.scheduler) is _library.FlowMatchEulerDiscreteScheduler


def test_a_family_that_draws_in_chunks_counts_all_steps() -> None:
    """Helios draws 33 frames at a time: 40 frames take two chunks, each with all steps."""
    reports: list[StepReport] = []
    with drawn_family("helios", "float32") as family:
        scene = family.renderer.render(replace(REQUEST, frames=40), reports.append, lambda: False)
        frames = sum(map(len, scene))
    assert frames == 40
    steps = [(report.step, report.steps) for report in reports if report.stage == "denoise"]
    assert steps == [(step, 4) for step in range(1, 5)]


@pytest.mark.parametrize("name", ["cosmos1", "cosmos25", "cosmos3", "cosmos3_modular", "cosmos3_distilled"])
def test_a_guardrail_sees_every_text_and_every_clip(name: str) -> None:
    """The licence of Cosmos asks for it: neither remembered prompts nor decoding pass it by."""
    with packages_of_cosmos() as checked, drawn_family(name, "float32") as family:
        checked.clear()
        family.draw()
        family.draw()
        assert checked == ["text", "video"] * 2
        with pytest.raises(ValueError, match="unsafe text"):
            family.draw(prompt="something forbidden")


@pytest.mark.parametrize("name", ["cosmos3", "cosmos3_modular"])
def test_a_folder_that_turns_off_its_guardrail_is_refused(name: str, tmp_path: Path) -> None:
    """Cosmos 3 reads from its index whether it has one."""
    TINY_FAMILIES[name](tmp_path / "model")
    (index,) = (tmp_path / "model").glob("*model_index.json")
    index.write_text(json.dumps({**json.loads(index.read_text()), "enable_safety_checker": False}))
    with packages_of_cosmos(), pytest.raises(RenderFailed, match="turns off the guardrail") as refusal:
        DiffusersRenderer().load(ModelSource(name, str(tmp_path / "model")), "cpu")
    assert (refusal.value.code, refusal.value.retryable) == ("MODEL_UNSAFE", False)


def test_a_missing_package_is_named_with_its_extra(tmp_path: Path) -> None:
    """Before anything is loaded, the worker says what to install."""
    TINY_FAMILIES["cosmos25"](tmp_path / "model")
    with pytest.raises(RenderFailed, match=r"cosmos_guardrail; install kinolog\[cosmos\]") as refusal:
        family_of(tmp_path / "model")
    assert (refusal.value.code, refusal.value.retryable) == ("PACKAGE_MISSING", False)


def test_a_class_that_is_not_driven_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    """The message says why it is not."""
    (tmp_path / "model_index.json").write_text('{"_class_name": "SanaWMPipeline"}')
    with pytest.raises(RenderFailed, match="it needs the path of a camera, which jobs cannot") as refusal:
        DiffusersRenderer().load(ModelSource("world", str(tmp_path)), "cpu")
    assert (refusal.value.code, refusal.value.retryable) == ("MODEL_UNSUPPORTED", False)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("wan21", math.inf),
        ("cogvideox_2b", math.nan),
        ("cosmos25", math.inf),
        ("ltx_modular", math.nan),
    ],
)
def test_a_frame_without_numbers_is_no_result(name: str, number: float) -> None:
    """One pixel is enough: as a byte it would be a speck. Streamed, whole, before a guardrail, and modular."""

    def spoil(_: Any, __: Any, decoded: Any) -> None:
        pixels = decoded[0] if isinstance(decoded, tuple) else decoded
        pixels[(-1,) * pixels.ndim] = number

    with drawn_family(name, "float32") as family:
        layer = family.renderer._loaded_pipeline().pipe.vae.decoder.conv_out
        with (
            layer.register_forward_hook(spoil),
            pytest.raises(RenderFailed, match="infinite or none") as failure,
        ):
            family.draw()
        assert (failure.value.code, failure.value.retryable) == ("PICTURE_WRONG", False)
        assert (family.draw() == family.frames).all()


def test_a_video_without_numbers_is_no_result() -> None:
    """Whatever a pipeline made of what it decoded, or if it did not decode at all."""
    video = np.zeros((20, 8, 8, 3), dtype=np.float32)
    video[17, 3, 3, 1] = math.nan
    runs = frame_runs(decoded_video(SimpleNamespace(frames=[video])))
    with pytest.raises(RenderFailed, match="infinite or none"):
        list(runs)


def test_the_flow_shift_of_a_model_is_that_of_its_entry(tmp_path: Path) -> None:
    """The option changes the frames; a scheduler without a shift refuses it."""
    TINY_FAMILIES["wan21"](tmp_path / "wan")
    TINY_FAMILIES["latte"](tmp_path / "latte")

    def drawn(shift: float) -> bytes:
        renderer = DiffusersRenderer()
        renderer.load(ModelSource("wan", str(tmp_path / "wan"), options={"flow_shift": shift}), "cpu")
        return b"".join(run.tobytes() for run in renderer.render(REQUEST, lambda r: None, lambda: False))

    assert drawn(3.0) != drawn(12.0)
    with pytest.raises(RenderFailed, match="takes no flow_shift"):
        DiffusersRenderer().load(
            ModelSource("latte", str(tmp_path / "latte"), options={"flow_shift": 3.0}), "cpu"
        )

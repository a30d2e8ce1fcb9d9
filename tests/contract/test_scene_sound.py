"""The sound that a pipeline's output holds, as the clip needs it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from kinolog_worker.renderers.diffusers.pipeline_call import PipelineCall
from kinolog_worker.renderers.diffusers.scene_sound import sound_in
from kinolog_worker.renderers.renderer import InputFile, SceneRequest

from kinolog.models.families import FamilyInput, families
from kinolog.models.input_roles import InputRole
from kinolog.models.number_rule import NumberRule

REQUEST = SceneRequest(
    prompt="a ball",
    negative_prompt="",
    width=64,
    height=64,
    frames=24,
    fps=12,
    steps=2,
    guidance=1.0,
    seed=1,
)
SECOND = 16_000


def _call(pipeline: str, *accepts: str) -> PipelineCall:
    side = NumberRule(32)
    return PipelineCall(
        family=families()[pipeline],
        accepts=frozenset(accepts),
        width_rule=side,
        height_rule=side,
        frame_rule=NumberRule(1),
        text_tokens=None,
        has_sound=True,
    )


def _pipe(**values: Any) -> SimpleNamespace:
    config = SimpleNamespace(output_sampling_rate=values.pop("vocoder_rate", None))
    return SimpleNamespace(vocoder=SimpleNamespace(config=config), **values)


@pytest.mark.parametrize(
    ("output", "pipe"),
    [
        ({}, _pipe(vocoder_rate=SECOND)),
        ({}, _pipe(audio_sample_rate=SECOND)),
        ({"sampling_rate": SECOND}, SimpleNamespace()),
    ],
)
def test_the_rate_is_the_one_that_is_stated(output: dict[str, Any], pipe: SimpleNamespace) -> None:
    """The output states it, or the vocoder, or the pipeline. Sound without channels has one."""
    made = SimpleNamespace(audio=torch.ones(1, 2 * SECOND, dtype=torch.bfloat16), **output)
    call = _call("LTX2Pipeline", "frame_rate")
    sound = sound_in(made, pipe, call, REQUEST, call.canvas(REQUEST))
    assert sound is not None
    assert (sound.samples.shape, sound.rate) == ((1, 2 * SECOND), SECOND)


def test_sound_follows_frames_that_are_shown_slowly() -> None:
    """A pipeline that draws at 24 frames a second only, shown at 12, is heard at half its speed."""
    call = _call("MiniMaxH3ModularPipeline")
    made = SimpleNamespace(audio=torch.ones(1, 2, SECOND), sampling_rate=SECOND)
    sound = sound_in(made, SimpleNamespace(), call, REQUEST, call.canvas(REQUEST))
    assert sound is not None
    assert (sound.samples.shape, sound.rate) == ((2, SECOND), SECOND // 2)


def test_sound_starts_with_the_first_frame_of_the_clip() -> None:
    """What belongs to frames that are not new, at the start of a call that goes on with a video, is left out."""
    call = _call("LTX2Pipeline", "frame_rate")
    going_on = FamilyInput(parameter="video", context_frames=6, skipped_frames=6)
    call = replace(call, family=replace(call.family, inputs={InputRole.VIDEO: going_on}))
    request = replace(
        REQUEST, inputs=(InputFile(role=InputRole.VIDEO, path=Path("video.mp4"), media_type="video/mp4"),)
    )
    ramp = torch.arange(3 * SECOND, dtype=torch.float32).reshape(1, 1, -1)
    sound = sound_in(
        SimpleNamespace(audio=ramp), _pipe(vocoder_rate=SECOND), call, request, call.canvas(request)
    )
    assert sound is not None
    assert sound.samples[0, 0] == SECOND / 2


def test_a_call_without_sound_has_none() -> None:
    """Families without sound have none, and neither has an output without it."""
    call = _call("LTX2Pipeline", "frame_rate")
    assert sound_in(SimpleNamespace(audio=None), _pipe(), call, REQUEST, call.canvas(REQUEST)) is None
    silent = replace(call, family=families()["WanPipeline"])
    made = SimpleNamespace(audio=torch.ones(1, 2, SECOND))
    assert sound_in(made, _pipe(), silent, REQUEST, silent.canvas(REQUEST)) is None

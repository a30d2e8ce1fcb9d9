"""Conformance suite of families: every pipeline class that kinolog drives, tiny, through its renderer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from kinolog_worker.media.frames import Frames

from kinolog.models.families import families
from tests.fixtures.drawn_families import LIBRARY_WARNINGS, REQUEST, TEXT_FAMILIES, DrawnFamily, drawn_family
from tests.renderers.tiny.families import GUARDED_FAMILIES

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)

STEPS = {
    "anyflow_far": 3 * REQUEST.steps,
    "helios_pyramid": 3,
    "cosmos3_distilled": 4,
}
"""Steps of families that draw in chunks, each with all steps, or in stages, of which each has one step at least, or
that state their steps."""


WITHOUT_PREVIEW = {"anyflow_far"}
"""A family whose last chunk is not in so short a clip: nothing shows what its latents look like."""

OTHER = {"seed": 12, "prompt": "green grass " * 100, "negative_prompt": "blue " * 160, "guidance": 2.0}
"""What `test_families_on_a_gpu.py` changes one after the other: each matters where the table says so."""


@pytest.fixture(scope="module", params=TEXT_FAMILIES)
def family(request: pytest.FixtureRequest) -> Iterator[DrawnFamily]:
    """A family in float32 that has drawn the request."""
    with drawn_family(request.param, "float32") as drawn:
        yield drawn


def _differ(one: Frames, other: Frames) -> bool:
    return bool((one != other).any())


def test_a_clip_has_the_requested_frames_and_size(family: DrawnFamily) -> None:
    """Whatever a family rounds to, the clip is what was asked for, and there is something on it."""
    assert family.frames.shape == family.shape
    assert family.frames.std() > 5


def test_every_step_is_reported_once(family: DrawnFamily) -> None:
    """Steps count from 1 to their number, then frames do."""
    steps = [(report.step, report.steps) for report in family.reports if report.stage == "denoise"]
    total = STEPS.get(family.name, REQUEST.steps)
    assert steps == [(step, total) for step in range(1, total + 1)]
    frames = [report.step for report in family.reports if report.stage == "decode"]
    assert frames[-1] == REQUEST.frames
    assert frames == sorted(set(frames))


def test_a_scene_is_that_of_the_bare_pipeline(family: DrawnFamily) -> None:
    """A scene with other texts, guidance and seed has other frames, and they are those of the bare pipeline.

    So are they if the scene is cancelled, which ends it within one step, and goes on from the checkpoint of that step.
    It has a preview, as the scene before has shown what latents look like.
    What is hooked at a pipeline changes no pixel and no sample: the class of
    diffusers alone gives the same. Sound lasts as long as the frames at least, but for a few hundredths of a second,
    and there is something to hear.
    """
    drawn, sound = family.resumed(**OTHER)
    assert _differ(family.frames, drawn)
    assert family.has_preview_of(drawn) == (family.name not in WITHOUT_PREVIEW)
    frames, samples = family.bare(**OTHER)
    assert not _differ(drawn, frames)
    assert (sound is not None) == (samples is not None) == bool(families()[family.pipeline].audio)
    if sound is not None and samples is not None:
        assert (sound.samples == samples).all()
        assert samples.std() > 0.001
        assert samples.shape[1] / sound.rate > REQUEST.frames / REQUEST.fps - 0.05


def test_a_prompt_is_encoded_once(family: DrawnFamily) -> None:
    """A prompt that was encoded is remembered. A family with a guardrail encodes with its scene."""
    fresh = replace(REQUEST, prompt="dog on a sea " * 30)
    assert not family.renderer.encode_prompt(fresh).cached
    for request in (fresh, REQUEST):
        assert family.renderer.encode_prompt(request).cached == (family.name not in GUARDED_FAMILIES)

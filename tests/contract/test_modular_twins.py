"""Modular classes whose ordinary class is in the conformance suite of families, with the same networks.

Of these one test each looks at what differs: the seams.
"""

from __future__ import annotations

import pytest
from kinolog_worker.media.frames import Frames

from kinolog.models.families import GuidanceKind, families
from tests.fixtures.drawn_families import LIBRARY_WARNINGS, REQUEST, drawn_family
from tests.fixtures.network_passes import counted_passes
from tests.renderers.tiny.families import GUARDED_FAMILIES, TWIN_FAMILIES

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)

STEPS = {"helios_pyramid_modular": 3, "helios_distilled": 6}
"""Steps of families that draw in stages of one step at least; the first chunk of a distilled one has them twice."""

MORE_PASSES = {"ltx2_modular": 3 * REQUEST.steps, "wan_animate2_distilled": 1}
"""Passes beside one a step: those that guide the sound of LTX-2, whatever the guidance, and one over a video."""


ROUNDED = ("wan21_modular", "wan21_i2v_modular", "helios_modular", "ltx_modular", "ltx2_modular")
"""One twin for each way of loading, stepping and decoding."""


def _differ(one: Frames, other: Frames) -> bool:
    return bool((one != other).any())


@pytest.mark.parametrize("name", sorted(TWIN_FAMILIES))
def test_a_twin_draws_as_its_class_does(name: str) -> None:
    """Steps and pixels are those of the bare pipeline, and a guidance of 1 takes one pass a step.

    A clip that goes on from a checkpoint is the same, and has a preview.
    """
    with drawn_family(name, "float32") as family:
        steps = STEPS.get(name, REQUEST.steps)
        denoised = [(report.step, report.steps) for report in family.reports if report.stage == "denoise"]
        assert denoised == [(step, steps) for step in range(1, steps + 1)]
        assert family.frames.shape == family.shape
        assert family.frames.std() > 5
        assert not _differ(family.frames, family.bare_frames())
        assert not _differ(family.frames, family.resumed()[0])
        assert family.has_preview_of(family.frames)
        assert family.renderer.encode_prompt(family.request).cached == (name not in GUARDED_FAMILIES)
        with counted_passes() as passes:
            alone = family.draw(guidance=1.0)
        guided = families()[family.pipeline].guidance is not GuidanceKind.NONE
        assert _differ(family.frames, alone) == guided
        assert len(passes) == steps + MORE_PASSES.get(name, 0)


@pytest.mark.parametrize("name", ROUNDED)
def test_a_twin_draws_in_the_dtypes_of_a_gpu(name: str) -> None:
    """Whatever its decoding blocks make of the dtype; and a cancelled scene ends within one step."""
    with drawn_family(name, "bfloat16") as family:
        assert family.frames.shape == family.shape
        assert family.frames.std() > 5
        assert family.steps_until_cancelled() == 1

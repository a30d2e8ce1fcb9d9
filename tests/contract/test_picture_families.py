"""Conformance suite of families that start from pictures and videos, tiny, through their renderer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from kinolog_worker.media.frames import Frames
from kinolog_worker.media.pictures import blank
from kinolog_worker.renderers.canvas import Canvas, fit
from kinolog_worker.renderers.diffusers.classes.input_arguments import input_arguments
from kinolog_worker.renderers.renderer import InputFile, RenderFailed

from kinolog.models.families import families
from kinolog.models.input_roles import InputRole
from tests.fixtures.drawn_families import LIBRARY_WARNINGS, REQUEST, DrawnFamily, drawn_family
from tests.fixtures.input_files import clip_file, input_files, picture_file, pixels
from tests.renderers.tiny.families import PICTURE_FAMILIES

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)

STEPS = {
    "wan_v2v": 1,
    "cogvideox_v2v": 1,
    "animatediff_v2v": 2,
    "animatediff_v2v_controlnet": 2,
    "video_to_video_sd": 2,
}
"""Steps of families that start from a noisy video, which make a part of them."""

BEGINS_WITH_PICTURE = {"wan22_5b_i2v", "skyreels_v2_df_i2v", "sana_i2v"}
"""Families whose first latent frame is that of the picture: the first frame is the same with every seed."""

OWN_TEXT = {"hunyuan_i2v", "skyreels_v1_i2v", "i2vgen_xl", "stable_video_diffusion"}
"""Families that read text, or take guidance, like no family of `test_families.py`."""

VARIANTS = {"wan21_flf2v", "wan22_5b_i2v", "hunyuan_i2v_33"}
"""Other models of classes that are tested with another one: only their clips are."""


def _differ(one: Frames, other: Frames) -> bool:
    return bool((one != other).any())


def _check_clip(family: DrawnFamily) -> None:
    """The clip has the requested frames and size, and every step was reported once."""
    assert family.frames.shape == family.shape
    assert family.frames.std() > 5
    total = STEPS.get(family.name, REQUEST.steps)
    steps = [(report.step, report.steps) for report in family.reports if report.stage == "denoise"]
    assert steps == [(step, total) for step in range(1, total + 1)]


@pytest.mark.parametrize("name", sorted(PICTURE_FAMILIES))
def test_a_family_draws_from_its_inputs(name: str) -> None:
    """Its clip is what was asked for and follows inputs, text, guidance and seed.

    A cancelled one ends in a step, and is the same when it goes on from there, with a preview.

    Its pixels are those of the bare pipeline. In the dtypes of a GPU, networks in bfloat16 and the autoencoder in that
    of the table, it draws as well: both `encode` and `decode` are cast.
    """
    with drawn_family(name, "float32") as family:
        row = families()[family.pipeline]
        _check_clip(family)
        other_seed = family.draw(seed=12)
        assert _differ(family.frames, other_seed)
        assert _differ(family.frames[0], other_seed[0]) == (name not in BEGINS_WITH_PICTURE)
        if name not in VARIANTS:
            assert not _differ(family.frames, family.bare_frames())
            assert not _differ(family.frames, family.resumed()[0])
            assert family.has_preview_of(family.frames)
            *kept, _ = family.request.inputs
            *_, other = input_files(family.folder, row, family.name, 3)
            assert _differ(family.frames, family.draw(inputs=(*kept, other)))
            with drawn_family(name, "bfloat16") as cast:
                _check_clip(cast)
        if name in OWN_TEXT:
            assert not _differ(family.frames, family.draw())
            assert _differ(family.frames, family.draw(prompt="green grass " * 100)) == row.prompt
            assert _differ(family.frames, family.draw(guidance=2.0))
            changed = family.draw(negative_prompt="blue " * 160)
            assert _differ(family.frames, changed) == row.negative_prompt
        elif name not in VARIANTS:
            changes = {"prompt": "green grass " * 100, "negative_prompt": "blue " * 160, "guidance": 2.0}
            assert _differ(family.frames, family.draw(**changes))


def test_what_is_wrong_with_inputs_is_said() -> None:
    """Nothing is drawn, and another attempt would end the same. No path is in the message."""
    with drawn_family("wan_i2v", "float32") as family:
        missing = InputFile(role=InputRole.FIRST_FRAME, path=family.folder / "none", media_type="image/png")
        empty = picture_file(family.folder, 7)
        empty.path.write_bytes(b"")
        for inputs, code, message in [
            ((), "INPUT_MISSING", "WanImageToVideoPipeline needs a first picture"),
            ((clip_file(family.folder), picture_file(family.folder)), "INPUT_UNSUPPORTED", "takes no video"),
            ((empty,), "INPUT_UNREADABLE", "the first picture: the picture is damaged or no png"),
        ]:
            with pytest.raises(RenderFailed, match=message) as refusal:
                family.draw(inputs=inputs)
            assert (refusal.value.code, refusal.value.retryable) == (code, False)
            assert str(family.folder) not in refusal.value.message + refusal.value.detail
        with pytest.raises(FileNotFoundError):
            family.draw(inputs=(missing,))
        assert not family.renderer.encode_prompt(replace(REQUEST, prompt="a dog", inputs=(missing,))).cached
        other = picture_file(family.folder, 4)
        assert family.renderer.encode_prompt(replace(REQUEST, prompt="a dog", inputs=(other,))).cached


def test_a_clip_ends_with_its_last_picture() -> None:
    """It is drawn with both pictures; of 9 frames that the family draws the first and the last one are in the clip."""
    with drawn_family("wan_i2v", "float32") as family:
        both = (*family.request.inputs, picture_file(family.folder, 4, InputRole.LAST_FRAME))
        nine = family.draw(inputs=both, frames=9)
        six = family.draw(inputs=both)
        assert _differ(six, family.frames)
        assert not _differ(six, nine[[0, 2, 3, 5, 6, 8]])


FIRST, LAST, REFERENCE, VIDEO, CONTROL, _ = InputRole
ADDED: dict[str, list[tuple[InputRole, ...]]] = {
    "wan_vace": [(FIRST, LAST), (REFERENCE,), (FIRST, CONTROL)],
    "ltx_097": [(FIRST, LAST), (VIDEO,)],
    "ltx2_condition": [(FIRST, LAST), (VIDEO,)],
    "helios": [(FIRST,), (VIDEO,)],
    "kandinsky6": [(FIRST,)],
    "cosmos25": [(FIRST,), (VIDEO,)],
    "cosmos3": [(FIRST,), (VIDEO,)],
}
"""Inputs that families which draw from a text take as well, together and one after the other."""

COMPARED = {"wan_vace", "ltx_097"}
"""Those whose clips are compared with the bare pipeline: places in a clip, and a video that is shown only in part."""


def _encoded(family: DrawnFamily, inputs: tuple[InputFile, ...]) -> tuple[Frames, list[float]]:
    """Draw with these inputs and check the clip. Returns it, and the means of what the autoencoder encoded for it."""
    means: list[float] = []
    with family.encodes(lambda pixels: means.append(float(pixels.float().mean()))):
        drawn = family.draw(inputs=inputs)
    assert drawn.shape == family.frames.shape
    assert _differ(drawn, family.frames)
    return drawn, means


@pytest.mark.parametrize(("name", "given"), [("wan_i2v", 1), ("ltx_097", 17)])
def test_a_scene_goes_on_from_the_one_before(name: str, given: int) -> None:
    """The end of that scene is encoded: its last frame, or as many as the family continues. None is shown again.

    It lies where it is cut out of what is drawn: the film neither jumps nor zooms.
    """
    with drawn_family(name, "float32") as family:
        seen: list[torch.Tensor] = []
        size = (REQUEST.width, REQUEST.height)
        before = replace(clip_file(family.folder, frames=24, size=size), continued_frames=24)
        with family.encodes(seen.append):
            drawn = family.draw(inputs=(before,))
        assert drawn.shape == family.frames.shape
        (encoded,) = [clip for clip in seen if clip.shape[2] >= given]
        shown = (encoded[0, :, given - 1].permute(1, 2, 0).numpy() + 1) * 127.5
        canvas = family.renderer._loaded_pipeline().call.canvas(family.request)
        assert shown.shape[:2] == (canvas.height, canvas.width) != size[::-1]
        last = fit(np.rint(shown[None]).astype(np.uint8), canvas, REQUEST)[0].astype(int)
        assert abs(last - pixels(23, *size)).mean() < 8  # it was a frame of an H.264 file


@pytest.mark.parametrize("name", sorted(ADDED))
def test_a_family_that_draws_from_text_draws_from_inputs_too(name: str) -> None:
    """Its clip is another one than without, and that of the bare pipeline with these inputs.

    Another picture or video reaches its autoencoder as another: not all untrained networks make much of it.
    """
    with drawn_family(name, "float32") as family:
        for roles in ADDED[name]:
            files = [
                tuple(
                    clip_file(family.folder, number, frames=40, role=role)
                    if role.is_clip
                    else picture_file(family.folder, number, role)
                    for role in roles
                )
                for number in (0, 3)
            ]
            (drawn, one), (_, other) = (_encoded(family, inputs) for inputs in files)
            assert len(one) == len(other) > 0
            assert one != other
            if name in COMPARED:
                given = replace(family, request=replace(family.request, inputs=files[0]))
                assert not _differ(drawn, given.bare_frames())


def test_a_control_video_of_ltx_2_is_a_condition_of_its_own() -> None:
    """Pictures have places in the clip. A LoRA reads all of the control video beside the noise."""
    family = families()["LTX2InContextPipeline"]
    grey = blank(32, 32)
    canvas = Canvas(width=32, height=32, frames=9, scale=1, repeat=1)
    arguments = input_arguments(family, {LAST: [grey], CONTROL: [grey] * 9}, canvas)
    (picture,), (control,) = arguments["conditions"], arguments["reference_conditions"]
    assert (picture.frames, picture.index) == (grey, -1)
    assert control.frames == [grey] * 9

"""What goes wrong with modular pipelines when they are called as they are."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_worker.renderers.diffusers.pipeline_call import call_of, set_guidance
from kinolog_worker.renderers.diffusers.pipeline_loader import checked_model, load_pipeline
from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer
from kinolog_worker.renderers.renderer import ModelSource, RenderCancelled, StepReport

from kinolog.models.input_roles import InputRole
from tests.builders.drawn_frames import rendered
from tests.fixtures.drawn_families import LIBRARY_WARNINGS, REQUEST, DrawnFamily, drawn_family
from tests.fixtures.input_files import clip_file, picture_file
from tests.renderers.tiny.families import TINY_FAMILIES

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)


@pytest.fixture(scope="module")
def echo() -> Iterator[DrawnFamily]:
    """An Echo that has drawn the request."""
    with drawn_family("echo", "float32") as drawn:
        yield drawn


def _checks_until(family: DrawnFamily, allowed: int) -> tuple[int, list[StepReport]]:
    """Draw a scene that should stop after so many checks. Returns the checks and the reported steps."""
    checks = 0
    reports: list[StepReport] = []

    def should_stop() -> bool:
        nonlocal checks
        checks += 1
        return checks > allowed

    with pytest.raises(RenderCancelled):
        list(family.renderer.render(REQUEST, reports.append, should_stop))
    return checks, reports


def test_a_scene_ends_within_a_step(echo: DrawnFamily, caplog: pytest.LogCaptureFixture) -> None:
    """It is asked before each block of a network, and no level of blocks logs a traceback."""
    with caplog.at_level(logging.INFO, "diffusers"):
        assert _checks_until(echo, 3) == (4, [])
    assert not caplog.records
    assert (echo.draw() == echo.frames).all()


def test_two_pipelines_of_a_class_do_not_share_their_blocks(echo: DrawnFamily) -> None:
    """The class hands out the same instances each time: the steps of one would be reported to the other."""
    other = DiffusersRenderer()
    other.load(ModelSource("echo", str(echo.model)), "cpu")
    reports: list[StepReport] = []
    list(other.render(echo.request, reports.append, lambda: False))
    assert [report.step for report in reports if report.stage == "denoise"] == [1, 2]
    assert (echo.draw() == echo.frames).all()


def test_the_native_steps_have_the_native_noise_levels(echo: DrawnFamily) -> None:
    """Those that the model was made for; half of the steps are every second one of them."""
    checked = checked_model(ModelSource("echo", str(echo.model)), "cpu")
    pipe, family = load_pipeline(checked), checked.family
    call = call_of(pipe, family)
    native, half = (
        call.arguments(replace(REQUEST, steps=steps), call.canvas(REQUEST))["sigmas"] for steps in (8, 4)
    )
    assert tuple(native) == family.sigmas
    assert half == native[::2]


def test_the_decoder_that_attends_to_windows_draws_no_less_than_one(tmp_path: Path) -> None:
    """An LTX-2.5 without an autoencoder decodes by denoising, in windows of three latent pixels: of 96 pixels here."""
    TINY_FAMILIES["ltx25"](tmp_path)
    shutil.rmtree(tmp_path / "vae")
    renderer = DiffusersRenderer()
    renderer.load(ModelSource("ltx25", str(tmp_path)), "cpu")
    frames = rendered(renderer, REQUEST)
    assert frames.shape == (REQUEST.frames, REQUEST.height, REQUEST.width, 3)
    assert frames.std() > 5


def test_sound_keeps_the_guidance_of_its_own(tmp_path: Path) -> None:
    """LTX-2.5 has a guider for frames and one for sound. Four passes a step stay, also at a guidance of 1."""
    TINY_FAMILIES["ltx25"](tmp_path)
    checked = checked_model(ModelSource("ltx25", str(tmp_path)), "cpu")
    pipe, family = load_pipeline(checked), checked.family
    set_guidance(pipe, family, 1.0)
    assert (pipe.guider.guidance_scale, pipe.audio_guider.guidance_scale) == (1.0, 7.0)
    assert (pipe.guider.stg_scale, pipe.guider.modality_scale, pipe.guider.guidance_rescale) == (
        1.0,
        3.0,
        0.7,
    )


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("cosmos3_distilled", [InputRole.FIRST_FRAME, InputRole.VIDEO]),
        ("helios_modular", [InputRole.VIDEO]),
    ],
)
def test_a_picture_takes_other_blocks_than_a_text(name: str, roles: list[InputRole]) -> None:
    """The same loaded model draws from all of them, in any order, as the bare pipeline does."""
    with drawn_family(name, "float32") as family:
        alone = family.request
        for role in roles:
            video = role is InputRole.VIDEO
            file = clip_file(family.folder, frames=40) if video else picture_file(family.folder)
            family.request = replace(alone, inputs=(file,))
            pictured = family.draw()
            assert (pictured != family.frames).any()
            assert (family.draw(inputs=()) == family.frames).all()
            assert (pictured == family.bare_frames()).all()
        assert family.steps_until_cancelled() == 1

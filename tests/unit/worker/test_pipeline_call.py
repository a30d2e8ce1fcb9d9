"""The arguments of a pipeline's call, by the row of its family."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from kinolog_worker.renderers.diffusers.classes.seeded_noise import seeded_noise
from kinolog_worker.renderers.diffusers.pipeline_call import PipelineCall, call_of, set_guidance
from kinolog_worker.renderers.renderer import InputFile, SceneRequest

from kinolog.models.families import Family, families
from kinolog.models.input_roles import InputRole
from kinolog.models.number_rule import NumberRule

REQUEST = SceneRequest(
    prompt="a ball",
    negative_prompt="blurry",
    width=100,
    height=60,
    frames=10,
    fps=12,
    steps=7,
    guidance=4.5,
    seed=1,
)


def _call(pipeline: str, **components: Any) -> PipelineCall:
    """Return the call of a pipeline of this class whose call takes all that its row names."""
    family = families()[pipeline]
    names = ["prompt", "negative_prompt", "width", "height", "max_sequence_length"]
    names += [
        family.frames_parameter,
        family.fps_parameter,
        family.steps_parameter,
        family.guidance_parameter,
        "sample_audio",
    ]
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in dict.fromkeys(filter(None, names))
    ]

    def call(self: Any, **_: Any) -> None:
        """Take the arguments."""

    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # read by inspect
        [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY), *parameters]
    )
    kind: Callable[[], Any] = type(pipeline, (), {"__call__": call, **components})
    return call_of(kind(), family)


@pytest.mark.parametrize(
    ("pipeline", "expected"),
    [
        ("WanPipeline", {"num_frames": 13, "guidance_scale": 4.5, "max_sequence_length": 512}),
        ("LTXPipeline", {"num_frames": 17, "frame_rate": 12, "max_sequence_length": 128}),
        ("SkyReelsV2DiffusionForcingPipeline", {"fps": 12}),
        ("SanaVideoPipeline", {"frames": 13, "use_resolution_binning": False}),
        ("LattePipeline", {"video_length": 16, "clean_caption": False}),
        ("MochiPipeline", {"num_frames": 13}),
        ("HeliosPipeline", {"num_frames": 33, "num_inference_steps": 7}),
        ("HeliosPyramidPipeline", {"pyramid_num_inference_steps_list": [3, 3, 3]}),
        ("Kandinsky6TI2VAPipeline", {"sample_audio": False, "frame_rate": 12}),
        ("AnyFlowFARPipeline", {"num_frames": 81}),
        ("MiniMaxH3ModularPipeline", {"num_frames": 124, "num_inference_steps": 8, "guidance_scale": None}),
        ("Cosmos3DistilledModularPipeline", {"num_inference_steps": None, "guidance_scale": None, "fps": 12}),
    ],
)
def test_arguments_have_the_names_of_the_family(pipeline: str, expected: dict[str, Any]) -> None:
    """Frames, frames per second and steps are passed under the names that the class has for them."""
    call = _call(pipeline)
    arguments = call.arguments(REQUEST, call.canvas(REQUEST))
    assert {name: arguments.get(name) for name in expected} == expected
    assert arguments["prompt"] == "a ball"
    assert arguments.get("negative_prompt") == ("blurry" if call.family.negative_prompt else None)


def test_sound_lasts_as_long_as_the_frames_that_are_shown() -> None:
    """A pipeline that makes sound draws at the rate at which its frames are shown; the clip's rate is 12.

    Frames are shown more than once if the model draws few, and some are left out before a last picture. Sound of
    Kandinsky 6 is asked for only if its folder has the components of it.
    """
    components = {"audio_vae": object(), "vocoder": object()}
    call = _call("LTX2Pipeline", **components)
    assert call.arguments(REQUEST, call.canvas(REQUEST))["frame_rate"] == 12
    repeated = replace(REQUEST, native_frames=5)
    assert call.arguments(repeated, call.canvas(repeated))["frame_rate"] == 6
    ending = replace(
        REQUEST, inputs=(InputFile(role=InputRole.LAST_FRAME, path=Path("last.png"), media_type="image/png"),)
    )
    canvas = call.canvas(ending)
    assert (canvas.frames, call.arguments(ending, canvas)["frame_rate"]) == (17, 12 * 17 / 10)
    kandinsky = _call("Kandinsky6TI2VAPipeline", **components)
    assert kandinsky.arguments(REQUEST, kandinsky.canvas(REQUEST))["sample_audio"]


def test_what_a_family_ignores_is_not_passed() -> None:
    """Neither a negative prompt that has no effect, nor an empty one: the class has a default of its own."""
    hunyuan, wan = _call("HunyuanVideoPipeline"), _call("WanPipeline")
    assert "negative_prompt" not in hunyuan.arguments(REQUEST, hunyuan.canvas(REQUEST))
    empty = replace(REQUEST, negative_prompt="")
    assert "negative_prompt" not in wan.arguments(empty, wan.canvas(empty))


def test_guidance_of_a_component_is_no_argument() -> None:
    """Its guider is replaced: its scale cannot be changed. Other pipelines have none."""

    class Guider:
        def __init__(self, scale: float = 1.0) -> None:
            self.scale = scale

        def new(self, guidance_scale: float) -> Guider:
            return Guider(guidance_scale)

    call = _call("HunyuanVideo15Pipeline")
    assert "guidance_scale" not in call.arguments(REQUEST, call.canvas(REQUEST))
    pipe = SimpleNamespace(guider=Guider())
    set_guidance(pipe, families()["WanPipeline"], 4.5)
    assert pipe.guider.scale == 1.0
    set_guidance(pipe, call.family, 4.5)
    assert pipe.guider.scale == 4.5


def test_what_a_pipeline_states_wins_over_its_row() -> None:
    """Factors of the autoencoder, patches, tiles, chunks, and a tokenizer that states fewer tokens."""

    def config(**values: Any) -> Any:
        return SimpleNamespace(config=SimpleNamespace(**values, get=values.get))

    small = _call(
        "WanPipeline",
        vae_scale_factor_temporal=2,
        vae_scale_factor_spatial=16,
        transformer=config(patch_size=(1, 4, 4)),
        tokenizer=SimpleNamespace(model_max_length=32),
    )
    assert (small.frame_rule, small.width_rule, small.text_tokens) == (NumberRule(2, 1), NumberRule(64), 32)
    tiled = _call("AllegroPipeline", vae=SimpleNamespace(kernel=(24, 160, 160), stride=(16, 40, 80)))
    assert (tiled.frame_rule, tiled.height_rule, tiled.width_rule) == (
        NumberRule(16, 24),
        NumberRule(40, 160),
        NumberRule(80, 160),
    )
    chunked = _call(
        "AnyFlowFARPipeline", vae_scale_factor_temporal=4, transformer=config(chunk_partition=(1, 2, 1))
    )
    assert chunked.frame_rule == NumberRule(0, 13)
    windows = SimpleNamespace(config=SimpleNamespace(decoder_stage_kernels=((3, 7, 5), (3, 5, 5))))
    decoding = _call("LTX25ModularPipeline", vae_spatial_compression_ratio=32, diffusion_decoder=windows)
    assert (decoding.height_rule, decoding.width_rule) == (NumberRule(32, 224), NumberRule(32, 160))
    longest = families()["MiniMaxH3ModularPipeline"]
    assert [longest.frames.round_up(frames) for frames in (1, 125, 345)] == [124, 141, longest.longest]


@pytest.mark.parametrize(
    ("pipeline", "stated", "frames", "steps"),
    [
        ("WanPipeline", None, 81, 7),
        ("WanPipeline", 9, 81, 9),
        ("HeliosPipeline", 7, 34, 14),
        ("HeliosPyramidPipeline", 3, 34, 18),
    ],
)
def test_steps_of_the_whole_call(pipeline: str, stated: int | None, frames: int, steps: int) -> None:
    """A pipeline may have other steps than the request, and has them again in each chunk."""
    call, request = _call(pipeline), replace(REQUEST, frames=frames)
    assert call.steps(SimpleNamespace(num_timesteps=stated), request, call.canvas(request)) == steps


def test_every_row_has_a_rule_for_its_native_length() -> None:
    """The native number of frames of a family is one that it draws."""

    def draws(family: Family) -> bool:
        return family.native is None or family.frames.round_up(family.native.frames) == family.native.frames

    assert [family.pipeline for family in families().values() if not draws(family)] == []


@pytest.mark.parametrize(
    ("components", "takes_last", "needs_last"),
    [
        ({"image_encoder": None}, True, False),  # Wan 2.2, 14 B
        ({"image_encoder": None, "config": {"expand_timesteps": True}}, False, False),  # Wan 2.2, 5 B
        ({"image_encoder": 1, "transformer": SimpleNamespace(config={"image_dim": 8})}, False, False),
        (
            {
                "image_encoder": 1,
                "transformer": SimpleNamespace(config={"image_dim": 8, "pos_embed_seq_len": 514}),
            },
            True,
            True,
        ),
    ],
)
def test_only_some_models_of_wan_take_a_last_picture(
    components: dict[str, Any], takes_last: bool, needs_last: bool
) -> None:
    """The others would ignore it, or fail: Wan 2.1 has a model of its own for two pictures."""
    family = _call("WanImageToVideoPipeline", **components).family
    both = [InputRole.FIRST_FRAME, InputRole.LAST_FRAME]
    assert (family.unknown_inputs(both) == "") == takes_last
    assert (family.missing_inputs(both[:1]) == "a last picture") == needs_last


def _inputs(*roles: InputRole) -> tuple[InputFile, ...]:
    return tuple(InputFile(role=role, path=Path("file"), media_type="") for role in roles)


def test_a_call_that_starts_from_a_noisy_video_makes_a_step_at_least() -> None:
    """Of one step, four fifths are none: the call is given two and makes one of them."""
    call = _call("CogVideoXVideoToVideoPipeline")
    canvas = call.canvas(REQUEST)
    assert call.arguments(REQUEST, canvas)["num_inference_steps"] == 7
    assert call.steps(SimpleNamespace(), REQUEST, canvas) == 5
    once = replace(REQUEST, steps=1)
    assert call.arguments(once, canvas)["num_inference_steps"] == 2
    assert call.steps(SimpleNamespace(), once, canvas) == 1


def test_frames_of_a_continued_video_are_not_in_the_clip() -> None:
    """SkyReels-V2 is given 17 frames, returns them, and draws them again before those that follow."""
    call = _call("SkyReelsV2DiffusionForcingVideoToVideoPipeline")
    request = replace(REQUEST, inputs=_inputs(InputRole.VIDEO))
    canvas = call.canvas(request)
    assert canvas.frames == 29  # 10 and 17 at least
    assert list(call.frame_numbers(request, canvas)) == list(range(34, 44))


def test_frames_that_a_pipeline_drops_are_asked_for() -> None:
    """HunyuanVideo with a picture beside the noise returns all frames but the first four."""
    network = SimpleNamespace(config={"image_condition_type": "latent_concat"})
    call = _call("HunyuanVideoImageToVideoPipeline", transformer=network, vae_scale_factor_temporal=4)
    canvas = call.canvas(REQUEST)
    assert (canvas.frames, call.arguments(REQUEST, canvas)["num_frames"]) == (13, 17)


def test_guidance_that_needs_a_negative_prompt_has_one() -> None:
    """SkyReels-V1 ignores its guidance without: an empty one is passed."""
    request = replace(REQUEST, negative_prompt="")
    call = _call("HunyuanSkyreelsImageToVideoPipeline")
    assert call.arguments(request, call.canvas(request))["negative_prompt"] == ""
    call = _call("WanPipeline")
    assert "negative_prompt" not in call.arguments(request, call.canvas(request))


def test_noise_is_the_same_on_every_device() -> None:
    """A class that draws on its device is given what the CPU draws: the generator of the CPU goes on."""
    with seeded_noise(5) as generator:
        expected = torch.randn(3, generator=generator)
        assert torch.equal(torch.rand(2), torch.rand(2, generator=torch.Generator().manual_seed(5)))
    with seeded_noise(5, device_noise=True) as generator:
        assert torch.equal(torch.randn(3, generator=generator, device="cpu"), expected)
        before = generator.get_state()
        assert torch.randn(3, generator=generator, device="meta").device.type == "meta"
        assert not torch.equal(before, generator.get_state())
        assert torch.rand(3, generator=generator, dtype=torch.bfloat16, device="meta").dtype is torch.bfloat16


def test_the_end_of_the_scene_before_is_not_shown_again() -> None:
    """A scene that starts from it draws one frame more, and leaves that out."""
    call = _call("LTXImageToVideoPipeline")
    (end,) = _inputs(InputRole.FIRST_FRAME)
    request = replace(REQUEST, frames=9, inputs=(replace(end, continued_frames=9),))
    canvas = call.canvas(request)
    assert (canvas.frames, list(call.frame_numbers(request, canvas))) == (17, list(range(1, 10)))

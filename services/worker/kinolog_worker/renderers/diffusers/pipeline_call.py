"""How a loaded pipeline is called: by the row of its family, and by what its components state."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, lcm
from typing import Any

import numpy as np

from kinolog.models.families import Family, GuidanceKind
from kinolog.models.input_roles import InputRole
from kinolog.models.number_rule import NumberRule
from kinolog_worker.renderers.canvas import Canvas, canvas_for, evenly
from kinolog_worker.renderers.diffusers.classes.input_arguments import of_pipeline
from kinolog_worker.renderers.renderer import SceneRequest

_TEMPORAL_FACTORS = (
    "vae_scale_factor_temporal",
    "vae_temporal_compression_ratio",
    "vae_temporal_scale_factor",
)
_SPATIAL_FACTORS = (
    "vae_scale_factor_spatial",
    "vae_spatial_compression_ratio",
    "vae_spatial_scale_factor",
    "vae_scale_factor",
)


@dataclass(frozen=True, slots=True)
class PipelineCall:
    """The call of one pipeline.

    Sides and frames follow the rules, and prompts are padded to `text_tokens`, None for the call's own length. With
    `has_sound` the pipeline makes sound too. The pipeline drops `lost_frames` of those that it draws.
    """

    family: Family
    accepts: frozenset[str]
    width_rule: NumberRule
    height_rule: NumberRule
    frame_rule: NumberRule
    text_tokens: int | None
    has_sound: bool = False
    lost_frames: int = 0

    def canvas(self, request: SceneRequest) -> Canvas:
        """Return what the pipeline draws for a request. Raises RenderFailed if it cannot draw so much."""
        return canvas_for(
            request,
            width_rule=self.width_rule,
            height_rule=self.height_rule,
            frame_rule=self.frame_rule,
            context_frames=sum(redrawn for redrawn, _ in self._shown_before(request)),
        )

    def frame_numbers(self, request: SceneRequest, canvas: Canvas) -> Sequence[int]:
        """Return the numbers of the drawn frames that are in the clip, from 0 on.

        Frames beyond those that were asked for are left out at the end, but evenly if the clip ends with a given
        picture. Those at the start which a given video has already are left out, too.
        """
        count = ceil(request.frames / canvas.repeat)
        skipped = sum(skipped for _, skipped in self._shown_before(request))
        if any(file.role is InputRole.LAST_FRAME for file in request.inputs):
            return [skipped + number for number in evenly(count, canvas.frames - skipped)]
        return range(skipped, skipped + count)

    def shown_fps(self, request: SceneRequest, canvas: Canvas) -> float:
        """Return how many drawn frames the clip shows in a second, those between them that it leaves out included."""
        numbers = self.frame_numbers(request, canvas)
        return request.fps * (numbers[-1] - numbers[0] + 1) / len(numbers) / canvas.repeat

    def _shown_before(self, request: SceneRequest) -> Iterator[tuple[int, int]]:
        """Yield of each input how many frames are drawn again for it, and how many at the start are not new."""
        for file in request.inputs:
            taken = self.family.inputs.get(file.role)
            if taken is not None and taken.skipped_frames:
                yield taken.redrawn_frames, taken.skipped_frames
            elif file.continued_frames and file.role is InputRole.FIRST_FRAME:
                yield 1, 1  # the last frame of the scene before

    def arguments(self, request: SceneRequest, canvas: Canvas) -> dict[str, Any]:
        """Return the arguments of the call for a scene.

        Texts are always passed, never embeddings: a pipeline's own `encode_prompt` is remembered instead. An empty
        negative prompt is left out, so that the default of the class holds; but not where a class ignores its guidance
        without one.
        """
        family = self.family
        values: dict[str, Any] = {
            "prompt": request.prompt,
            "width": canvas.width,
            "height": canvas.height,
            family.frames_parameter: min(canvas.frames, family.chunk_frames)
            if family.chunk_overlap
            else canvas.frames + self.lost_frames,
            family.steps_parameter: self._steps_argument(request),
            family.fps_parameter: self.shown_fps(request, canvas) if self.has_sound else request.fps,
            "sample_audio": self.has_sound,
        }
        if self.text_tokens is not None:
            values["max_sequence_length"] = self.text_tokens
        if family.negative_prompt and (request.negative_prompt or family.guidance is GuidanceKind.TRUE_CFG):
            values["negative_prompt"] = request.negative_prompt
        if family.guidance not in (GuidanceKind.GUIDER, GuidanceKind.NONE):
            values[family.guidance_parameter] = request.guidance
        if family.strength:
            values["strength"] = family.strength
        return {name: value for name, value in values.items() if name in self.accepts} | dict(
            family.arguments
        )

    def steps(self, pipe: Any, request: SceneRequest, canvas: Canvas) -> int:
        """Return the number of denoising steps of the whole call, which a scheduler may have changed."""
        family = self.family
        length, overlap = family.chunk_frames, family.chunk_overlap
        chunks = ceil((canvas.frames - overlap) / (length - overlap)) if length else 1
        chunks += family.first_chunk_steps - 1
        if family.step_stages:  # the pipeline states the steps of one stage
            return sum(self._stages(request)) * chunks
        return int(getattr(pipe, "num_timesteps", None) or self._steps_of_a_call(request)) * chunks

    def _steps_argument(self, request: SceneRequest) -> int | list[int] | list[float]:
        family = self.family
        if family.step_stages:
            return self._stages(request)
        if family.sigmas:
            return [*request.sigmas, 0.0] if request.sigmas else noise_levels(family.sigmas, request.steps)
        return self._schedule(request) + family.added_steps

    def _schedule(self, request: SceneRequest) -> int:
        """Return the steps that noise is removed in from beginning to end, so many that one at least is made."""
        strength = self.family.strength
        return max(request.steps, ceil(1 / strength)) if strength else request.steps

    def _steps_of_a_call(self, request: SceneRequest) -> int:
        return int(self._schedule(request) * (self.family.strength or 1))

    def _stages(self, request: SceneRequest) -> list[int]:
        return [ceil(request.steps / self.family.step_stages)] * self.family.step_stages


def noise_levels(levels: Sequence[float], steps: int) -> list[float]:
    """Return the noise levels of so many steps: those given, with their last, if these are their number.

    Others lie on the line through them.
    """
    places = np.linspace(0, len(levels) - 1, steps + 1)
    return [float(level) for level in np.interp(places, range(len(levels)), levels)]


def call_of(
    pipe: Any, family: Family, *, text_tokens: object = None, size_multiple: object = None
) -> PipelineCall:
    """Return the call of a pipeline.

    `text_tokens` overrides the length that prompts are padded to. Models without a mask over the padding need the
    length that they were trained with; the tokenizer's length is used if it states a shorter one. `size_multiple`
    overrides what sizes are rounded to.
    """
    family = of_pipeline(pipe, family)
    frames, height, width = _rules(pipe, family)
    if isinstance(size_multiple, int):
        height = width = NumberRule(size_multiple)
    accepts = _accepted(pipe)
    return PipelineCall(
        family=family,
        accepts=accepts,
        width_rule=width,
        height_rule=height,
        frame_rule=frames,
        text_tokens=_text_tokens(pipe, family, text_tokens),
        has_sound=bool(family.audio) and ("sample_audio" not in accepts or _has_vocoder(pipe)),
        lost_frames=_lost_frames(pipe),
    )


def _has_vocoder(pipe: Any) -> bool:
    """Return True if the pipeline has the components that make sound, where they may be left out."""
    return all(getattr(pipe, name, None) is not None for name in ("audio_vae", "vocoder"))


def _accepted(pipe: Any) -> frozenset[str]:
    """Return the names of the arguments that the pipeline takes."""
    stated = getattr(pipe, "accepted", None)  # of a modular pipeline, whose call has no parameters of its own
    return (
        stated
        if isinstance(stated, frozenset)
        else frozenset(inspect.signature(type(pipe).__call__).parameters)
    )


def _rules(pipe: Any, family: Family) -> tuple[NumberRule, NumberRule, NumberRule]:
    """Return the rules of frames, height and width: of the family, with the factors of this pipeline's components."""
    if family.tiling:
        frames, height, width = map(NumberRule, pipe.vae.stride, pipe.vae.kernel)
        return frames, height, width
    spatial = _first_factor(pipe, _SPATIAL_FACTORS) or 8
    side = NumberRule(lcm(spatial * _patch_side(pipe), family.size_multiple))
    window = _decoder_window(pipe)
    height, width = (NumberRule(side.multiple, tokens * spatial) if tokens > 1 else side for tokens in window)
    return _frame_rule(pipe, family), height, width


def _frame_rule(pipe: Any, family: Family) -> NumberRule:
    temporal, rule = _first_factor(pipe, _TEMPORAL_FACTORS), family.frames
    if temporal and rule.multiple and rule.offset % rule.multiple == 1:
        return NumberRule(temporal, rule.offset // rule.multiple * temporal + 1)
    chunks = getattr(getattr(pipe, "transformer", None), "config", {}).get("chunk_partition")
    if temporal and chunks and not rule.multiple:
        return NumberRule(0, (sum(chunks) - 1) * temporal + 1)
    return rule


def set_guidance(pipe: Any, family: Family, guidance: float) -> None:
    """Replace the guiders of a pipeline that has some by others with this scale: their scale cannot be changed.

    A guider of sound keeps its own.
    """
    if family.guidance is not GuidanceKind.GUIDER:
        return
    for name in ("guider", "guider_2"):
        guider = getattr(pipe, name, None)
        if guider is not None:
            setattr(pipe, name, guider.new(guidance_scale=guidance))


def _lost_frames(pipe: Any) -> int:
    """Return the number of frames that HunyuanVideo drops where it has its picture beside the noise."""
    network = getattr(pipe, "transformer", None)
    stated = getattr(network, "config", {}).get("image_condition_type")
    return _first_factor(pipe, _TEMPORAL_FACTORS) if stated == "latent_concat" else 0


def _first_factor(pipe: Any, names: tuple[str, ...]) -> int:
    """Return the first of these attributes of the pipeline that is a positive number, or 0."""
    values = (getattr(pipe, name, None) for name in names)
    return next((value for value in values if isinstance(value, int) and value > 0), 0)


def _patch_side(pipe: Any) -> int:
    """Return the number of latent pixels on a side of one token."""
    network = getattr(pipe, "transformer", None) or getattr(pipe, "transformer_2", None)
    size = getattr(getattr(network, "config", None), "patch_size", 1)
    if isinstance(size, list | tuple):
        return int(max(size[-2:]))
    return size if isinstance(size, int) and size > 0 else 1


def _decoder_window(pipe: Any) -> tuple[int, int]:
    """Return how many latent pixels high and wide a picture is at least for a decoder that attends to windows."""
    decoder = getattr(pipe, "diffusion_decoder", None)
    if decoder is None:
        return 1, 1
    _, height, width = decoder.config.decoder_stage_kernels[0]
    return int(height), int(width)


def _text_tokens(pipe: Any, family: Family, text_tokens: object) -> int | None:
    if not family.prompt_tokens:
        return None
    if isinstance(text_tokens, int):
        return text_tokens
    stated = getattr(getattr(pipe, "tokenizer", None), "model_max_length", None)
    if isinstance(stated, int) and stated < family.prompt_tokens:
        return stated
    return family.prompt_tokens

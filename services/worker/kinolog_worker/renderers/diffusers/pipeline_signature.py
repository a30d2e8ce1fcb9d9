"""What a pipeline's call accepts, from its signature and its configuration."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from math import lcm
from typing import Any

from kinolog_worker.renderers.canvas import Canvas
from kinolog_worker.renderers.renderer import RenderFailed, SceneRequest

_REQUIRED = {"prompt", "num_frames", "height", "width", "output_type"}
_SMALLEST_MULTIPLE = 16
"""Several pipelines refuse sizes that are no multiples of this, whatever their autoencoder needs."""


@dataclass(frozen=True, slots=True)
class PipelineSignature:
    """Names of the call's parameters, and what sizes are rounded to.

    Sides are multiples of `size_multiple` pixels, frames `k * frame_multiple + 1`, and prompts are padded to
    `text_tokens`.
    """

    accepts: frozenset[str]
    size_multiple: int
    frame_multiple: int
    text_tokens: int | None

    def arguments(self, request: SceneRequest, canvas: Canvas) -> dict[str, Any]:
        """Return those arguments of the call for a scene that the pipeline accepts, without the prompts."""
        possible: dict[str, Any] = {
            "width": canvas.width,
            "height": canvas.height,
            "num_frames": canvas.frames,
            "num_inference_steps": request.steps,
            "guidance_scale": request.guidance,
            "frame_rate": request.fps,
            "max_sequence_length": self.text_tokens,
        }
        return {name: value for name, value in possible.items() if name in self.accepts and value is not None}


def signature_of(pipe: Any, *, text_tokens: object = None, size_multiple: object = None) -> PipelineSignature:
    """Return the signature of a pipeline. Raises RenderFailed if it is no text-to-video pipeline.

    `text_tokens` overrides the length that prompts are padded to. Models without a mask over the padding need the
    length that they were trained with; the tokenizer's length is used if it states one. `size_multiple` overrides what
    sizes are rounded to.
    """
    parameters = inspect.signature(type(pipe).__call__).parameters
    required = {
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    } - {"self", "prompt"}
    if not set(parameters) >= _REQUIRED or required:
        lacks = ", ".join(sorted(_REQUIRED - set(parameters))) or "nothing"
        raise RenderFailed(
            "MODEL_UNSUPPORTED",
            f"{type(pipe).__name__} is no text-to-video pipeline: it lacks {lacks}"
            + (f" and needs {', '.join(sorted(required))}" if required else ""),
            retryable=False,
        )
    return PipelineSignature(
        accepts=frozenset(parameters),
        size_multiple=size_multiple
        if isinstance(size_multiple, int)
        else lcm(_spatial_factor(pipe) * _patch_side(pipe), _SMALLEST_MULTIPLE),
        frame_multiple=_temporal_factor(pipe),
        text_tokens=_text_tokens(pipe, parameters, text_tokens),
    )


def _spatial_factor(pipe: Any) -> int:
    return _first_factor(
        pipe, ("vae_scale_factor_spatial", "vae_spatial_compression_ratio", "vae_scale_factor"), 8
    )


def _temporal_factor(pipe: Any) -> int:
    return _first_factor(pipe, ("vae_scale_factor_temporal", "vae_temporal_compression_ratio"), 1)


def _first_factor(pipe: Any, names: tuple[str, ...], otherwise: int) -> int:
    """Return the first of these attributes of the pipeline that is a positive number."""
    values = (getattr(pipe, name, None) for name in names)
    return next((value for value in values if isinstance(value, int) and value > 0), otherwise)


def _patch_side(pipe: Any) -> int:
    """Return the number of latent pixels on a side of one token."""
    network = getattr(pipe, "transformer", None) or getattr(pipe, "transformer_2", None)
    size = getattr(getattr(network, "config", None), "patch_size", 1)
    if isinstance(size, list | tuple):
        return int(max(size[-2:]))
    return size if isinstance(size, int) and size > 0 else 1


def _text_tokens(pipe: Any, parameters: Any, text_tokens: object) -> int | None:
    if "max_sequence_length" not in parameters:
        return None
    if isinstance(text_tokens, int):
        return text_tokens
    stated = getattr(getattr(pipe, "tokenizer", None), "model_max_length", None)
    default = parameters["max_sequence_length"].default
    if isinstance(stated, int) and isinstance(default, int) and stated < default:
        return stated
    return None

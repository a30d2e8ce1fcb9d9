"""What a pipeline can be asked, read off the signature of its call and its configuration."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from math import lcm
from typing import Any

from kinolog_worker.renderers.renderer import RenderFailed, SceneRequest

_NEEDED = {"prompt", "num_frames", "height", "width", "output_type"}
_SMALLEST_MULTIPLE = 16
"""Several pipelines refuse sizes that are no multiples of this, whatever their autoencoder could do."""


@dataclass(frozen=True, slots=True)
class PipelineSignature:
    """Names of the call's parameters, and what sizes and lengths are rounded to."""

    accepts: frozenset[str]
    multiple: int
    temporal: int
    text_tokens: int | None

    def arguments(self, request: SceneRequest, width: int, height: int, frames: int) -> dict[str, Any]:
        """The call's arguments for a scene, less the prompt; only those the pipeline knows."""
        wanted: dict[str, Any] = {
            "width": width,
            "height": height,
            "num_frames": frames,
            "num_inference_steps": request.steps,
            "guidance_scale": request.guidance,
            "frame_rate": request.fps,
            "max_sequence_length": self.text_tokens,
        }
        return {name: value for name, value in wanted.items() if name in self.accepts and value is not None}


def signature_of(pipe: Any, text_tokens: object = None, size_multiple: object = None) -> PipelineSignature:
    """Look at a pipeline. Raises RenderFailed when it does not turn text into video.

    `text_tokens` overrides the length that prompts are padded to. Models without a mask over the padding must be
    asked with the length that they were trained with; a tokenizer that states its length is believed.
    `size_multiple` overrides what sizes are rounded to.
    """
    parameters = inspect.signature(type(pipe).__call__).parameters
    required = {
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    } - {"self", "prompt"}
    if not set(parameters) >= _NEEDED or required:
        lacks = ", ".join(sorted(_NEEDED - set(parameters))) or "nothing"
        raise RenderFailed(
            "MODEL_UNSUPPORTED",
            f"{type(pipe).__name__} is no text-to-video pipeline: it lacks {lacks}"
            + (f" and needs {', '.join(sorted(required))}" if required else ""),
            retryable=False,
        )
    return PipelineSignature(
        accepts=frozenset(parameters),
        multiple=size_multiple
        if isinstance(size_multiple, int)
        else lcm(_spatial(pipe) * _patch(pipe), _SMALLEST_MULTIPLE),
        temporal=_temporal(pipe),
        text_tokens=_text_tokens(pipe, parameters, text_tokens),
    )


def _spatial(pipe: Any) -> int:
    return _first(pipe, ("vae_scale_factor_spatial", "vae_spatial_compression_ratio", "vae_scale_factor"), 8)


def _temporal(pipe: Any) -> int:
    return _first(pipe, ("vae_scale_factor_temporal", "vae_temporal_compression_ratio"), 1)


def _first(pipe: Any, names: tuple[str, ...], otherwise: int) -> int:
    values = (getattr(pipe, name, None) for name in names)
    return next((value for value in values if isinstance(value, int) and value > 0), otherwise)


def _patch(pipe: Any) -> int:
    """Latent pixels on a side of one token."""
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

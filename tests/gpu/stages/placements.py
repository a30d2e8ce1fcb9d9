"""Ways to place the networks of a pipeline on a device that may be smaller than all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import hooks
from kinolog_worker.renderers.diffusers.latents import decode_runs, denormalized, frames_of_tensor

from tests.gpu.stages.figures import GIB, forget_peak, synchronize, timed
from tests.gpu.stages.wan_models import ClipShape, autoencoder, denoiser, noise, pipeline, text_encoder

GUIDANCE = 5.0
STEPS = 2
"""Denoising steps of a run. The second one is measured."""

DECODED_FRAMES = 3
"""Latent frames that a run decodes: every later one takes the memory of the third."""

_hooks: Any = hooks  # untyped in part


class PlacedPipeline:
    """A pipeline of Wan 2.1 1.3B with a text encoder, placed in one way. It decodes on the device, frame by frame."""

    host: str | None = None
    """Where the weights are made: on the device, or on the CPU from which they are loaded in parts."""

    def __init__(self, device: str, shape: ClipShape, *, tiny: bool) -> None:
        self._device = device
        self._shape = shape
        self._encoder = text_encoder(device, tiny=tiny)
        self._network = denoiser(device, tiny=tiny)
        self._vae = autoencoder(device, torch.float32, tiny=tiny)
        if self.host is not None:
            self._encoder, self._network = self._encoder.to(self.host), self._network.to(self.host)
        self.phase = ""
        """What the last run did last: `encode`, `denoise` or `decode`."""
        self._pipe = pipeline(self._network, self._vae, self._encoder)
        self.place()

    def place(self) -> None:
        """Bring the networks to their places."""

    def decode_in(self, dtype: torch.dtype) -> None:
        """Decode with this dtype from now on."""
        self._vae.to(dtype)

    def run(self) -> Mapping[str, Any]:
        """Encode two prompts, denoise some steps and decode some frames. Return seconds and peaks of memory."""
        figures: dict[str, Any] = {}
        prompt, negative = self._phase("encode", self._encode, figures)
        latents, ends = self._phase("denoise", lambda: self._denoise(prompt, negative), figures)
        self._phase("decode", lambda: self._decode(latents), figures)
        dtype = str(self._vae.dtype).removeprefix("torch.")
        return {"step_seconds": round(ends[-1] - ends[-2], 3), "decode_dtype": dtype, **figures}

    def _phase(self, name: str, work: Callable[[], Any], figures: dict[str, Any]) -> Any:
        self.phase = name
        forget_peak(self._device)
        value, seconds = timed(self._device, work)
        figures[f"{name}_seconds"] = round(seconds, 2)
        if self._device != "cpu":
            figures[f"{name}_peak_gib"] = round(torch.cuda.max_memory_allocated() / GIB, 2)
            reserved = torch.cuda.max_memory_reserved() / GIB
            figures["peak_reserved_gib"] = round(max(figures.get("peak_reserved_gib", 0.0), reserved), 2)
        return value

    @torch.no_grad()
    def _encode(self) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = torch.arange(self._shape.tokens, device=self._device).remainder(60)[None]
        mask = torch.ones_like(tokens)
        prompt = self._encoder(tokens, mask).last_hidden_state
        negative = self._encoder(tokens.flip(1), mask).last_hidden_state
        return prompt, negative

    def _denoise(self, prompt: torch.Tensor, negative: torch.Tensor) -> tuple[torch.Tensor, list[float]]:
        ends: list[float] = []

        def after_step(*_: object) -> dict[str, Any]:
            ends.append(_now(self._device))
            return {}

        latents = self._pipe(
            prompt_embeds=prompt,
            negative_prompt_embeds=negative,
            width=self._shape.width,
            height=self._shape.height,
            num_frames=self._shape.frames,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            latents=noise(self._shape.latent, self._device, torch.float32, 5),
            output_type="latent",
            callback_on_step_end=after_step,
        ).frames
        return latents, ends

    def _decode(self, latents: torch.Tensor) -> int:
        self._vae.to(self._device)
        runs = decode_runs(self._vae, denormalized(self._vae, latents[:, :, :DECODED_FRAMES]))
        return sum(len(frames_of_tensor(run)) for run in runs)


class OnDevice(PlacedPipeline):
    """All networks stay on the device."""


class DroppedEncoder(PlacedPipeline):
    """The text encoder is on the device only while it encodes. Its weights are copied there, and not back."""

    def place(self) -> None:
        self._hosted = {parameter: parameter.data.cpu() for parameter in self._encoder.parameters()}
        self._drop()

    def _encode(self) -> tuple[torch.Tensor, torch.Tensor]:
        try:
            for parameter, weights in self._hosted.items():
                parameter.data = weights.to(self._device)
            return super()._encode()
        finally:
            self._drop()

    def _drop(self) -> None:
        for parameter, weights in self._hosted.items():
            parameter.data = weights


class ModelOffload(PlacedPipeline):
    """One network at a time is on the device: `enable_model_cpu_offload`."""

    host = "cpu"

    def place(self) -> None:
        self._pipe.enable_model_cpu_offload(device=self._device)


class GroupOffload(PlacedPipeline):
    """Blocks of the networks are copied to the device ahead of their use: group offloading with a stream."""

    host = "cpu"

    def place(self) -> None:
        device = torch.device(self._device)
        streamed = {"onload_device": device, "offload_device": torch.device("cpu"), "use_stream": True}
        self._network.enable_group_offload(offload_type="block_level", num_blocks_per_group=1, **streamed)
        _hooks.apply_group_offloading(self._encoder, offload_type="leaf_level", **streamed)


class Float8Weights(PlacedPipeline):
    """All networks stay on the device, with weights in 8 bits that each layer casts to bfloat16 for its use."""

    def place(self) -> None:
        self._network.enable_layerwise_casting(torch.float8_e4m3fn, torch.bfloat16)
        _hooks.apply_layerwise_casting(
            self._encoder,
            storage_dtype=torch.float8_e4m3fn,
            compute_dtype=torch.bfloat16,
            # The encoder casts its activations to the dtype that the weights of `wo` have at that moment.
            skip_modules_pattern=("shared", "embed_tokens", "relative_attention_bias", "norm", "wo"),
        )


@dataclass(frozen=True, slots=True)
class Placement:
    """A way to place a pipeline, by name."""

    name: str
    kind: type[PlacedPipeline]
    needs_gpu: bool = False


PLACEMENTS = (
    Placement("all on the device", OnDevice),
    Placement("group offload with a stream", GroupOffload, needs_gpu=True),
    Placement("text encoder dropped after encoding", DroppedEncoder),
    Placement("float8 weights on the device", Float8Weights),
    Placement("model offload", ModelOffload, needs_gpu=True),
)


def _now(device: str) -> float:
    synchronize(device)
    return time.perf_counter()

"""Wan 2.1 1.3B with a text encoder of 10.6 GiB, placed as the worker places it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from kinolog_worker.renderers.diffusers.latents import decode_runs, denormalized, frames_of_tensor
from kinolog_worker.renderers.diffusers.placement.placed_networks import place

from kinolog.models.memory.autoencoders import decode_memory
from kinolog.models.memory.needs import DrawnSize, ModelMemory
from kinolog.models.memory.placement import QUANTISING_PACKAGES, WeightPlacement, missing_placements
from kinolog.models.memory.weights import size_of
from tests.gpu.context import StageContext
from tests.gpu.stages.figures import GIB, forget_peak, synchronize, timed
from tests.gpu.stages.wan_models import autoencoder, clip_shape, denoiser, noise, pipeline, text_encoder

GUIDANCE = 5.0
STEPS = 2
"""Denoising steps of a run. The second one is measured."""

DECODED_FRAMES = 3
"""Latent frames that a run decodes: every later one takes the memory of the third."""


def lacks_package(context: StageContext, weights: WeightPlacement, reading: str) -> bool:
    """Return whether the package of a placement is not installed. Then its reading is recorded as skipped."""
    if weights not in missing_placements():
        return False
    context.record(reading, "skipped", reason=f"{QUANTISING_PACKAGES[weights]} is not installed")
    return True


def memory_of_wan() -> ModelMemory:
    """Return what the planner knows of the pipeline. Its networks are made without data."""
    made = {
        "text_encoder": text_encoder("meta", tiny=False),
        "transformer": denoiser("meta", tiny=False),
        "vae": autoencoder("meta", torch.float32, tiny=False),
    }
    sizes = {
        name: size_of((name, list(parameter.shape)) for name, parameter in network.named_parameters())
        for name, network in made.items()
    }
    autoencoder_memory = decode_memory({"_class_name": "AutoencoderKLWan"})
    return ModelMemory(sizes, autoencoder_memory, streams=True, may_halve=True, without=missing_placements())


def size_of_clip() -> DrawnSize:
    """Return the size of the clip, as the planner knows it."""
    shape = clip_shape(tiny=False)
    return DrawnSize(width=shape.width, height=shape.height, frames=shape.frames)


class PlacedPipeline:
    """A pipeline that is placed in one way. It decodes on the device, frame by frame."""

    def __init__(self, device: str, weights: WeightPlacement, *, tiny: bool) -> None:
        self._device = device
        self._shape = clip_shape(tiny=tiny)
        self._encoder = text_encoder(device, tiny=tiny)
        self._network = denoiser(device, tiny=tiny)
        self._vae = autoencoder(device, torch.float32, tiny=tiny)
        if weights is not WeightPlacement.DEVICE:
            self._encoder, self._network = self._encoder.cpu(), self._network.cpu()
        self._pipe = pipeline(self._network, self._vae, self._encoder)
        place(self._pipe, weights, torch.device(device))

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


def _now(device: str) -> float:
    synchronize(device)
    return time.perf_counter()

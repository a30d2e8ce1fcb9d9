"""Stage: seconds of a denoising step of Wan 2.1 1.3B with guidance, as it comes and tuned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, TypeAlias

import torch

from tests.gpu.context import StageContext
from tests.gpu.stages.figures import forget_peak, latent_difference, peak_memory, synchronize, timed
from tests.gpu.stages.wan_models import TEXT_WIDTH, autoencoder, clip_shape, denoiser, noise, pipeline

Steps: TypeAlias = tuple[torch.Tensor, list[float]]
"""Final latents, and the seconds of each step."""

GUIDANCE = 5.0
STEPS = 4
"""Steps of one reading; the first one warms up."""

COMPILE_SECONDS = 25.0
"""Least time with which a reading of compiled blocks is begun."""

_GPU_BACKENDS = {"cudnn": "_native_cudnn", "flash": "_native_flash", "efficient": "_native_efficient"}
_DEFAULT_BACKEND = "native"


def run(context: StageContext) -> None:
    """Measure the pipeline as it comes, then each change alone, then compiled with the fastest attention."""
    bench: list[_StepBench] = []

    def build() -> Mapping[str, Any]:
        forget_peak(context.device)
        made, seconds = timed(context.device, lambda: _StepBench(context))
        bench.append(made)
        return {"seconds": round(seconds, 2), "clip": str(made.shape), **peak_memory(context.device)}

    context.attempt("build", build)
    if bench:
        _measure(context, bench[0])


def _measure(context: StageContext, bench: _StepBench) -> None:
    step: dict[str, float] = {}

    def reading(name: str, work: Callable[[], Steps], *, compiles: bool = False) -> None:
        needed = COMPILE_SECONDS if compiles and context.on_gpu else 0.0
        needed += (STEPS + 1) * step.get("eager", 0.0)
        figures = context.attempt(name, lambda: bench.reading(work), seconds=needed)
        if figures is not None:
            step[name] = figures["step_seconds"]

    reading("eager", bench.pipeline_steps)
    if "eager" not in step:
        return
    reading("one pass for both prompts", bench.batched_steps)
    for name, backend in _GPU_BACKENDS.items():
        if context.on_gpu:
            with bench.backend(backend):
                reading(name, bench.pipeline_steps)
        else:
            context.record(name, "skipped", reason="needs a GPU")
    fastest = min((name for name in step if name in _GPU_BACKENDS), key=lambda name: step[name], default="")
    faster = bool(fastest) and step[fastest] < step["eager"]
    bench.compile(on_gpu=context.on_gpu)
    with bench.backend(_GPU_BACKENDS[fastest] if faster else _DEFAULT_BACKEND):
        name = f"compiled, {fastest if faster else 'default'} attention"
        reading(name, bench.pipeline_steps, compiles=True)


class _StepBench:
    """A pipeline with random embeddings of two prompts, and the latents of its first reading."""

    def __init__(self, context: StageContext) -> None:
        self._device = context.device
        self.shape = clip_shape(tiny=context.tiny)
        self._network = denoiser(self._device, tiny=context.tiny)
        self._pipe = pipeline(self._network, autoencoder(self._device, torch.float32, tiny=context.tiny))
        text = (1, self.shape.tokens, TEXT_WIDTH)
        self._prompt, self._negative = (noise(text, self._device, torch.bfloat16, seed) for seed in (1, 2))
        self._latents = noise(self.shape.latent, self._device, torch.float32, 3)
        self._reference: torch.Tensor | None = None

    def reading(self, steps: Callable[[], Steps]) -> Mapping[str, Any]:
        """Run the steps. Return seconds of the first step and of a later one, memory, and the distance to eager."""
        forget_peak(self._device)
        latents, seconds = steps()
        if self._reference is None:
            self._reference = latents
        first, *later = seconds
        return {
            "step_seconds": round(sorted(later)[len(later) // 2], 4),
            "first_step_seconds": round(first, 3),
            "steps": [round(value, 4) for value in later],
            **peak_memory(self._device),
            **latent_difference(latents, self._reference),
        }

    def pipeline_steps(self) -> Steps:
        """Denoise as the worker does: the pipeline's call, with a pass for each prompt."""
        ends = [self._now()]

        def after_step(*_: object) -> dict[str, Any]:
            ends.append(self._now())
            return {}

        latents = self._pipe(
            prompt_embeds=self._prompt,
            negative_prompt_embeds=self._negative,
            width=self.shape.width,
            height=self.shape.height,
            num_frames=self.shape.frames,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            latents=self._latents,
            output_type="latent",
            callback_on_step_end=after_step,
        ).frames
        return latents, _differences(ends)

    @torch.no_grad()
    def batched_steps(self) -> Steps:
        """Denoise with both prompts in one pass of the network."""
        scheduler = self._pipe.scheduler
        scheduler.set_timesteps(STEPS, device=self._device)
        both = torch.cat([self._prompt, self._negative])
        latents = self._latents
        ends = [self._now()]
        for time_step in scheduler.timesteps:
            doubled = latents.to(torch.bfloat16).expand(2, *latents.shape[1:])
            predicted = self._network(
                hidden_states=doubled,
                timestep=time_step.expand(2),
                encoder_hidden_states=both,
                return_dict=False,
            )[0]
            wanted, unwanted = predicted.chunk(2)
            guided = unwanted + GUIDANCE * (wanted - unwanted)
            latents = scheduler.step(guided, time_step, latents, return_dict=False)[0]
            ends.append(self._now())
        return latents, _differences(ends)

    @contextmanager
    def backend(self, name: str) -> Iterator[None]:
        """Use another implementation of attention in the block."""
        self._network.set_attention_backend(name)
        try:
            yield
        finally:
            self._network.set_attention_backend(_DEFAULT_BACKEND)

    def compile(self, *, on_gpu: bool) -> None:
        """Compile the blocks of the network at their next call. A CPU only traces them, as a rehearsal."""
        self._network.compile_repeated_blocks(**({} if on_gpu else {"backend": "eager"}))

    def _now(self) -> float:
        synchronize(self._device)
        return time.perf_counter()


def _differences(ends: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(ends)]

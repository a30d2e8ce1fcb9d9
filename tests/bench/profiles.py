"""Step caches: how fast clips are denoised with each, and how like they are to those of the model as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import diffusers
import numpy as np
import torch
from kinolog_worker.media.comparison.frame_comparison import likeness_of
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.diffusers.embedded_model import embedded_folder
from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer
from kinolog_worker.renderers.renderer import ModelSource, SceneRequest, StepReport

from kinolog.job.rendering.profile import StepCache
from tests.bench.figures import Figure, Pair, Result, paired
from tests.renderers.tiny import wan

_library: Any = diffusers  # untyped in part
SEEDS = (1, 2, 3)
CACHES = (
    StepCache(kind="first-block", threshold=0.02),
    StepCache(kind="first-block", threshold=0.05),
    StepCache(kind="first-block", threshold=0.1),
    StepCache(kind="first-block", threshold=0.2),
    StepCache(kind="taylor", interval=3, full_steps=3, order=1),
    StepCache(kind="taylor", interval=5, full_steps=3, order=1),
    StepCache(kind="taylor-blocks", interval=3, full_steps=3, order=1),
    StepCache(kind="taylor-blocks", interval=5, full_steps=3, order=1),
    StepCache(kind="taylor-blocks", interval=5, full_steps=3, order=2),
)


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A model whose clips are drawn with each cache; `label` has its blocks."""

    label: str
    side: int
    steps: int


TRAINED = CachedModel("kinolog-tiny, 6 blocks", 64, 20)
RANDOM = CachedModel("Wan with random weights, 8 blocks", 128, 20)
REQUEST = SceneRequest(
    prompt="a red circle moving right on a blue background",
    negative_prompt="",
    width=64,
    height=64,
    frames=17,
    fps=8,
    steps=20,
    guidance=3.0,
    seed=1,
)


@dataclass(frozen=True, slots=True)
class DrawnClips:
    """Clips of some seeds, and the CPU seconds of their denoising."""

    clips: list[Frames]
    seconds: float


def measure(quick: bool) -> Result:
    """Draw clips of kinolog-tiny and of a Wan with random weights as they are, and with each cache."""
    torch.set_num_threads(1)
    figures: list[Figure] = []
    with TemporaryDirectory(prefix="kinolog-bench-") as written:
        for model in (TRAINED,) if quick else (TRAINED, RANDOM):
            folder = embedded_folder() if model is TRAINED else _random_model(Path(written))
            renderer = DiffusersRenderer()
            renderer.load(ModelSource(model.label, str(folder)), "cpu")
            seeds, caches = (SEEDS[:1], CACHES[1:2]) if quick else (SEEDS, CACHES)
            for cache in caches:
                figures += _figures(renderer, model, cache, seeds)
            renderer.close()
    note = (
        "20 steps, guidance 3, 17 frames, float32: denoising in CPU seconds of one thread, which depend little on what "
        "else the machine does. The floor is the model as it is. PSNR and SSIM are over all clips; those of random "
        "weights say nothing of a trained model"
    )
    return Result("profiles", "nothing is stored", tuple(figures), (note,))


def _random_model(folder: Path) -> Path:
    with torch.random.fork_rng(devices=[]):
        network = wan.denoiser(
            num_layers=8,
            num_attention_heads=4,
            attention_head_dim=32,
            ffn_dim=512,
            qk_norm="rms_norm_across_heads",
        )
        pipe = _library.WanPipeline(**wan.parts(), transformer=network)
        pipe.save_pretrained(folder, safe_serialization=True)
    return folder


def _figures(
    renderer: DiffusersRenderer, model: CachedModel, cache: StepCache, seeds: tuple[int, ...]
) -> Iterator[Figure]:
    drawn(renderer, model, None, seeds[:1], steps=2)  # warm
    readings, exact, cached = [], DrawnClips([], 0.0), DrawnClips([], 0.0)
    for number, seed in enumerate(seeds):
        both: list[StepCache | None] = [None, cache] if number % 2 else [cache, None]
        found = {one: drawn(renderer, model, one, (seed,)) for one in both}
        exact.clips.extend(found[None].clips)
        cached.clips.extend(found[cache].clips)
        readings.append(
            Pair(floor=model.steps / found[None].seconds, ours=model.steps / found[cache].seconds)
        )
    name = f"{model.label}: {cache}"
    yield paired(name, "steps/CPU s", readings)
    psnr_db, ssim = likeness_of(exact.clips, cached.clips)
    yield Figure(f"{name}, PSNR", "dB", psnr_db)
    yield Figure(f"{name}, SSIM", "", ssim)


def drawn(
    renderer: DiffusersRenderer,
    model: CachedModel,
    cache: StepCache | None,
    seeds: tuple[int, ...],
    steps: int | None = None,
) -> DrawnClips:
    """Draw a clip for each seed."""
    clips, seconds = [], 0.0
    for seed in seeds:
        request = replace(
            REQUEST, seed=seed, cache=cache, width=model.side, height=model.side, steps=steps or model.steps
        )
        renderer.encode_prompt(request)
        begun = ended = process_time()

        def observe(report: StepReport) -> None:
            nonlocal ended
            if report.stage == "denoise":
                ended = process_time()

        clips.append(np.concatenate(list(renderer.render(request, observe, lambda: False))))
        seconds += ended - begun
    return DrawnClips(clips, seconds)

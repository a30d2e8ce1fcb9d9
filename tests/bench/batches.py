"""Jobs that are drawn as one batch by the pipeline of diffusers: their throughput, and whether their frames change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
import torch
from kinolog_worker.renderers.diffusers.embedded_model import embedded_folder
from kinolog_worker.renderers.diffusers.pipeline_call import call_of
from kinolog_worker.renderers.renderer import SceneRequest

from kinolog.models.families import families
from kinolog.models.model_index import pipeline_class
from tests.bench.figures import Figure, Pair, Result, paired
from tests.fixtures.bare_pipelines import bare_pipeline
from tests.renderers.tiny.families import TINY_FAMILIES

SIZES = (2, 4)
"""Jobs in a batch."""

PAIRS = 3


@dataclass(frozen=True, slots=True)
class BatchedModel:
    """A model: kinolog-tiny, or a tiny family with random weights, and the size of its videos."""

    name: str
    side: int
    frames: int
    steps: int

    @property
    def label(self) -> str:
        """Name and size, as texts show them."""
        return f"{self.name} {self.side}x{self.side}, {self.frames} frames"


MODELS = (
    BatchedModel("kinolog-tiny", 64, 17, 4),
    BatchedModel("kinolog-tiny", 128, 17, 4),
    BatchedModel("ltx", 128, 17, 4),
    BatchedModel("cogvideox_2b", 64, 17, 4),
)


@dataclass(frozen=True, slots=True)
class DrawnBatch:
    """The videos of some jobs, frames of 0 to 255 each, and the CPU seconds of the pipeline for them."""

    videos: list[Any]
    seconds: float


def measure(quick: bool) -> Result:
    """Draw 2 and 4 jobs of one prompt one after the other, and as one batch."""
    figures: list[Figure] = []
    torch.set_num_threads(1)
    for model in MODELS[:1] if quick else MODELS:
        with _pipeline(model) as pipe:
            for size in SIZES:
                figures += _figures(pipe, model, size, 2 if quick else PAIRS)
    note = (
        "from the prompt to the decoded frames, in float32, in CPU seconds of one thread: these depend little on what "
        "else the machine does. The floor is the same jobs one after the other. kinolog-tiny is a Wan; the other "
        "families have random weights of about 1 MB"
    )
    return Result("batches", "nothing is stored", tuple(figures), (note,))


@contextmanager
def _pipeline(model: BatchedModel) -> Iterator[Any]:
    """Yield the pipeline of a model as diffusers loads it, with its row of the table of families."""
    with TemporaryDirectory(prefix="kinolog-bench-") as written:
        folder = Path(written) / "model"
        if model.name in TINY_FAMILIES:
            TINY_FAMILIES[model.name](folder)
        else:
            folder = embedded_folder()
        family = families()[str(pipeline_class(str(folder)))]
        yield bare_pipeline(folder, family, 4.0)


def _figures(pipe: Any, model: BatchedModel, size: int, pairs: int) -> Iterator[Figure]:
    seeds = range(1, size + 1)
    alone, together = _one_by_one(pipe, model, seeds), drawn(pipe, model, seeds)  # warm
    readings = []
    for number in range(pairs):
        if number % 2:
            together = drawn(pipe, model, seeds)
            alone = _one_by_one(pipe, model, seeds)
        else:
            alone = _one_by_one(pipe, model, seeds)
            together = drawn(pipe, model, seeds)
        readings.append(Pair(floor=size / alone.seconds, ours=size / together.seconds))
    yield paired(f"{model.label}: batch of {size}", "jobs/CPU s", readings)
    apart = [np.abs(one - other) for one, other in zip(alone.videos, together.videos, strict=True)]
    equal = sum(not difference.any() for difference in apart)
    yield Figure(f"{model.label}: batch of {size}, jobs with equal frames", "jobs", equal, floor=size)
    worst = max(float(difference.max()) for difference in apart)
    yield Figure(f"{model.label}: batch of {size}, largest difference of a value", "of 255", worst)
    changed = median(float((difference > 0).mean()) for difference in apart)
    yield Figure(f"{model.label}: batch of {size}, colour values that differ", "%", 100 * changed)


def _one_by_one(pipe: Any, model: BatchedModel, seeds: range) -> DrawnBatch:
    batches = [drawn(pipe, model, range(seed, seed + 1)) for seed in seeds]
    return DrawnBatch([batch.videos[0] for batch in batches], sum(batch.seconds for batch in batches))


def drawn(pipe: Any, model: BatchedModel, seeds: range) -> DrawnBatch:
    """Draw a job for each seed with one call of the pipeline."""
    request = SceneRequest(
        prompt="a red circle moving right on a blue background",
        negative_prompt="",
        width=model.side,
        height=model.side,
        frames=model.frames,
        fps=8,
        steps=model.steps,
        guidance=4.0,
        seed=seeds[0],
    )
    call = call_of(pipe, families()[type(pipe).__name__])
    arguments = call.arguments(request, call.canvas(request))
    prompts = [arguments.pop("prompt")] * len(seeds)
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    begun = process_time()
    output = pipe(**arguments, prompt=prompts, generator=generators, output_type="np")
    seconds = process_time() - begun
    return DrawnBatch([np.rint(np.asarray(video) * 255) for video in output.frames], seconds)

"""Stage `evaluate`: the score of a model folder on prompts whose wordings and combinations were never trained on."""

import argparse
import collections
import itertools
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from kinolog_training.captions import vocabulary as words
from kinolog_training.captions.captions import ClipSpec, caption_stream
from kinolog_training.evaluation.judge import ClipReading, obeyed, read_clip
from kinolog_training.networks.text_encoder import LENGTH
from kinolog_training.networks.wan import WanPipeline
from kinolog_training.scenes.latents import gathered, spread
from kinolog_training.scenes.rasterizer import rasterize
from kinolog_training.scenes.scenes import draw_scene, pack

BATCH = 16
SHEET_PROMPTS = (
    "a red circle moving right on a white background",
    "a yellow star bouncing on a purple background",
    "a big crimson ball rolls to the right over a dark sky",
    "a small blue square rising slowly on an orange background",
    "a green triangle spinning on a pink backdrop",
    "a white heart growing on a red background",
    "a cyan ring circling on a black background",
    "a purple diamond falling on a yellow background",
    "an orange cross spinning quickly on a blue wall",
    "a pink heart bouncing up and down on a green field",
    "a large brown box standing still on a cyan background",
    "a tiny black star flying diagonally up and right on a gray background",
    "a golden donut shrinking on a navy background",
    "a teal triangle drifting down and to the left over snow",
    "a violet gem orbiting on a white canvas",
    "a silver plus sign gliding left on a brown background",
    "two red circles moving up on a white background",
    "a blue square moving right and a yellow star spinning on a black background",
    "a green heart bouncing and a pink ring growing on a white background",
    "a pair of orange triangles falling on a blue background",
    "show me a magenta star that moves in a circle over a night sky",
    "the emerald square quickly slides to the left against a pink wall",
    "a dog running on the beach",
    "a red star",
)


def load(folder: Path) -> Any:
    """Load the pipeline as the worker does."""
    pipeline = WanPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def generate(
    pipeline: Any, prompts: Sequence[str], seed: int, frames: int, steps: int, guidance: float
) -> NDArray[np.uint8]:
    """Generate clips, prompt i with seed + i: uint8 [prompts, frames, 64, 64, 3]."""
    clips = []
    for start in range(0, len(prompts), BATCH):
        part = list(prompts[start : start + BATCH])
        generators = [torch.Generator().manual_seed(seed + start + index) for index in range(len(part))]
        output = pipeline(
            prompt=part,
            height=64,
            width=64,
            num_frames=frames,
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=generators,
            max_sequence_length=LENGTH,
            output_type="np",
        )
        clips.append((np.clip(output.frames, 0, 1) * 255).round().astype(np.uint8))
    return np.concatenate(clips)


def score(pairs: Sequence[tuple[ClipSpec, ClipReading]]) -> dict[str, float]:
    """Return the share of clips that obey their spec, for each attribute."""
    totals: collections.Counter[str] = collections.Counter()
    for spec, reading in pairs:
        totals.update({name: int(good) for name, good in obeyed(spec, reading).items()})
    return {name: round(total / len(pairs), 4) for name, total in totals.items()}


def held_out_prompts(seed: int, count: int, doubles: float) -> list[tuple[ClipSpec, str]]:
    """Return prompts in held-out wordings with held-out combinations."""
    return list(itertools.islice(caption_stream(1_000_000 + seed, held=True, doubles=doubles), count))


def evaluate(pipeline: Any, prompts: Sequence[tuple[ClipSpec, str]], **settings: Any) -> dict[str, Any]:
    """Return the scores and the most frequent mistakes of clips generated from captions."""
    clips = generate(pipeline, [text for _, text in prompts], **settings)
    readings = [read_clip(clip) for clip in clips]
    wrong: collections.Counter[str] = collections.Counter()
    for (spec, _), reading in zip(prompts, readings, strict=True):
        if len(spec.objects) == 1 and len(reading.objects) == 1:
            item, observed, obeys = spec.objects[0], reading.objects[0], obeyed(spec, reading)
            if not obeys["motion"]:
                wrong[f"motion {words.MOTIONS[item.motion]} seen as {observed.motion}"] += 1
            if not obeys["shape"]:
                wrong[f"shape {words.SHAPE_NAMES[item.shape]} seen as {observed.shape}"] += 1
            if not obeys["colour"]:
                wrong[f"colour {words.COLOUR_NAMES[item.colour]} seen as {observed.colour}"] += 1
    specs = [spec for spec, _ in prompts]
    return {**score(list(zip(specs, readings, strict=True))), "mistakes": dict(wrong.most_common(8))}


@torch.no_grad()
def ceilings(
    pipeline: Any, prompts: Sequence[tuple[ClipSpec, str]], frames: int, seed: int
) -> dict[str, Any]:
    """Return the scores of drawn clips and of the same scenes through the decoder: upper bounds for any denoiser."""
    specs = [spec for spec, _ in prompts]
    scene = draw_scene(pack(specs), frames, torch.Generator().manual_seed(seed))
    drawn = (rasterize(scene)[0].permute(0, 1, 3, 4, 2) * 255).round().byte().numpy()
    grids = spread(gathered(scene))
    decoded = [as_bytes(pipeline.vae.decode(grid[None]).sample[0].permute(1, 2, 3, 0)) for grid in grids]
    error = np.mean(
        [np.square(one.astype(float) - two).mean() for one, two in zip(decoded, drawn, strict=True)]
    )
    return {
        "drawn": score([(spec, read_clip(clip)) for spec, clip in zip(specs, drawn, strict=True)]),
        "decoded": score([(spec, read_clip(clip)) for spec, clip in zip(specs, decoded, strict=True)]),
        "decoded, in decibels": round(10 * math.log10(255**2 / error), 2),
    }


def as_bytes(pictures: torch.Tensor) -> NDArray[np.uint8]:
    """Return pictures in -1..1 as bytes."""
    scaled: NDArray[np.uint8] = ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
    return scaled


def contact_sheet(pipeline: Any, to: Path, *, columns: int = 2, **settings: Any) -> None:
    """Write the 24 prompts' clips, five frames of each, scaled up twice, as one PNG."""
    clips = generate(pipeline, SHEET_PROMPTS, **settings)
    at = np.linspace(0, clips.shape[1] - 1, 5).round().astype(int)
    strips = [
        np.pad(np.concatenate(list(clip[at]), 1), ((2, 2), (2, 2), (0, 0)), constant_values=255)
        for clip in clips
    ]
    height = len(strips) // columns
    sheet = np.concatenate(
        [np.concatenate(strips[c * height : (c + 1) * height], 0) for c in range(columns)], 1
    )
    to.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet.repeat(2, 0).repeat(2, 1)).save(to)
    print(
        "\n".join(
            f"column {i // height + 1} row {i % height + 1}: {text}" for i, text in enumerate(SHEET_PROMPTS)
        )
    )


def evaluate_folder(arguments: argparse.Namespace) -> None:
    """Run the stage with the arguments of the command line."""
    torch.set_num_threads(arguments.threads)
    pipeline = load(arguments.model)
    settings = {
        "seed": arguments.seed,
        "frames": arguments.frames,
        "steps": arguments.steps,
        "guidance": arguments.guidance,
    }
    if arguments.sheet is not None:
        contact_sheet(pipeline, arguments.sheet, **settings)
        return
    if arguments.ceilings:
        prompts = held_out_prompts(arguments.seed, arguments.prompts, 0.0)
        print(json.dumps(ceilings(pipeline, prompts, arguments.frames, arguments.seed), indent=1))
        return
    started = time.monotonic()
    one = evaluate(pipeline, held_out_prompts(arguments.seed, arguments.prompts, 0.0), **settings)
    print(json.dumps({"one object": one, "settings": settings}, indent=1))
    if arguments.doubles:
        two = evaluate(pipeline, held_out_prompts(arguments.seed, arguments.doubles, 1.0), **settings)
        print(json.dumps({"two objects": two}, indent=1))
    print(f"{time.monotonic() - started:.0f} s")

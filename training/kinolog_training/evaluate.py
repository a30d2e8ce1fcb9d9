"""Stage `evaluate`: a model folder scored on prompts whose wordings and combinations were never trained on."""

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

from kinolog_training import vocabulary as words
from kinolog_training.captions import Brief, captioned
from kinolog_training.drawing import draw
from kinolog_training.judging import Reading, marks, read
from kinolog_training.latents import gathered, spread
from kinolog_training.scenes import draw_scene, pack
from kinolog_training.text import LENGTH
from kinolog_training.wan import WanPipeline

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
    """The pipeline as the worker loads it."""
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


def score(pairs: Sequence[tuple[Brief, Reading]]) -> dict[str, float]:
    """The part of clips that obey their brief, for each mark."""
    totals: collections.Counter[str] = collections.Counter()
    for brief, reading in pairs:
        totals.update({name: int(good) for name, good in marks(brief, reading).items()})
    return {name: round(total / len(pairs), 4) for name, total in totals.items()}


def held_out_prompts(seed: int, count: int, doubles: float) -> list[tuple[Brief, str]]:
    """Prompts in held-out wordings about held-out combinations."""
    return list(itertools.islice(captioned(1_000_000 + seed, held=True, doubles=doubles), count))


def evaluate(pipeline: Any, prompts: Sequence[tuple[Brief, str]], **settings: Any) -> dict[str, Any]:
    """Scores, and the commonest mistakes, of clips generated from captions."""
    clips = generate(pipeline, [text for _, text in prompts], **settings)
    readings = [read(clip) for clip in clips]
    wrong: collections.Counter[str] = collections.Counter()
    for (brief, _), reading in zip(prompts, readings, strict=True):
        if len(brief.things) == 1 and len(reading.things) == 1:
            thing, seen, marked = brief.things[0], reading.things[0], marks(brief, reading)
            if not marked["motion"]:
                wrong[f"motion {words.MOTIONS[thing.motion]} seen as {seen.motion}"] += 1
            if not marked["shape"]:
                wrong[f"shape {words.SHAPE_NAMES[thing.shape]} seen as {seen.shape}"] += 1
            if not marked["colour"]:
                wrong[f"colour {words.COLOUR_NAMES[thing.colour]} seen as {seen.colour}"] += 1
    briefs = [brief for brief, _ in prompts]
    return {**score(list(zip(briefs, readings, strict=True))), "mistakes": dict(wrong.most_common(8))}


@torch.no_grad()
def ceilings(pipeline: Any, prompts: Sequence[tuple[Brief, str]], frames: int, seed: int) -> dict[str, Any]:
    """What the judge makes of drawn clips, and of the same scenes through the decoder: no denoiser does better."""
    briefs = [brief for brief, _ in prompts]
    scene = draw_scene(pack(briefs), frames, torch.Generator().manual_seed(seed))
    drawn = (draw(scene)[0].permute(0, 1, 3, 4, 2) * 255).round().byte().numpy()
    grids = spread(gathered(scene))
    decoded = [as_bytes(pipeline.vae.decode(grid[None]).sample[0].permute(1, 2, 3, 0)) for grid in grids]
    error = np.mean(
        [np.square(one.astype(float) - two).mean() for one, two in zip(decoded, drawn, strict=True)]
    )
    return {
        "drawn": score([(brief, read(clip)) for brief, clip in zip(briefs, drawn, strict=True)]),
        "decoded": score([(brief, read(clip)) for brief, clip in zip(briefs, decoded, strict=True)]),
        "decoded, in decibels": round(10 * math.log10(255**2 / error), 2),
    }


def as_bytes(pictures: torch.Tensor) -> NDArray[np.uint8]:
    """Pictures in -1..1 as bytes."""
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
    """Run the stage from its command line."""
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

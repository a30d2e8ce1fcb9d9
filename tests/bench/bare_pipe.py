"""The embedded model without kinolog: `pipe()`, then the encoder.

Reads a job as a line of JSON from standard input and writes the seconds that it took to standard output.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import torch
from kinolog_worker.media.encoder import ClipEncoder
from kinolog_worker.renderers.diffusers.pipeline_loader import checked_model, load_pipeline
from kinolog_worker.renderers.renderer import ModelSource

from kinolog.models.renderers import EMBEDDED


def draw(pipe: Any, job: dict[str, Any], path: Path) -> float:
    """Make one clip and return the seconds that it took."""
    started = perf_counter()
    output = pipe(
        prompt=job["prompt"],
        negative_prompt="",
        width=job["width"],
        height=job["height"],
        num_frames=job["frames"],
        num_inference_steps=job["steps"],
        guidance_scale=job["guidance"],
        generator=torch.Generator("cpu").manual_seed(job["seed"]),
        output_type="np",
    )
    frames = (output.frames[0] * 255).round().astype("uint8")
    with ClipEncoder(path, width=job["width"], height=job["height"], fps=job["fps"]) as encoder:
        encoder.write(frames)
    if encoder.frames != job["frames"]:
        raise RuntimeError(f"the pipeline drew {encoder.frames} frames")
    return perf_counter() - started


def main() -> None:
    """Draw the jobs of standard input until it ends."""
    pipe = load_pipeline(checked_model(ModelSource("kinolog-tiny", EMBEDDED), "cpu"))
    print("ready", flush=True)
    with TemporaryDirectory() as folder:
        for line in sys.stdin:
            print(draw(pipe, json.loads(line), Path(folder) / "clip.mp4"), flush=True)


if __name__ == "__main__":
    main()

"""Jobs as a supervisor gives them to the inference process."""

from __future__ import annotations

from pathlib import Path

from kinolog_worker.inference.messages import RenderJob
from kinolog_worker.renderers.renderer import ModelSource

from kinolog.storyboard.planner import Shots, plan_storyboard
from tests.renderers.testcard import RENDERER


def card_job(
    folder: Path, prompt: str = "A star. Then a ring.", frames: int = 20, **options: object
) -> RenderJob:
    """Return a job that renders test cards in a folder, with options of `tests.renderers.testcard`."""
    folder.mkdir(exist_ok=True)  # the worker has made its own
    return RenderJob(
        job_id="job-1",
        model=ModelSource("testcard", "embedded:testcard", renderer=RENDERER, options=options),
        scenes=plan_storyboard(prompt, shots=Shots.AUTO, frames=frames, fps=8, seed=7),
        width=64,
        height=48,
        fps=8,
        steps=5,
        guidance=1.0,
        folder=folder / "attempt",
        preview_interval_seconds=0.0,
    )

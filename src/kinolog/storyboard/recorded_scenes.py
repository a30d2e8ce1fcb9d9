"""The scenes of a job as its record has them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from kinolog.job.state import Job
from kinolog.storyboard.camera import Camera
from kinolog.storyboard.planner import PlannedScene
from kinolog.storyboard.shots import Transition


def recorded_scenes(job: Job, prompt: str, prompts: Sequence[str]) -> tuple[PlannedScene, ...]:
    """Return the scenes with their `prompts`. A job without a storyboard is one scene with the `prompt` of the job."""
    spec = job.spec
    if not job.scenes:
        whole = PlannedScene(
            index=0,
            prompt=prompt,
            start_seconds=0.0,
            duration_seconds=spec.frames / spec.fps,
            frames=spec.frames,
            camera=Camera.STATIC,
            transition=Transition.CUT,
            seed=spec.seed,
        )
        return (whole,)
    return tuple(
        PlannedScene(
            index=scene.index,
            prompt=text,
            start_seconds=scene.start_seconds,
            duration_seconds=scene.duration_seconds,
            frames=scene.frames,
            camera=Camera(scene.camera),
            transition=Transition(scene.transition),
            seed=scene.seed,
        )
        for scene, text in zip(job.scenes, prompts, strict=True)
    )

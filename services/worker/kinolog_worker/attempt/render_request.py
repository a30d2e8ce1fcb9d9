"""The order that the inference process gets: a job in the log, its prompts opened, as a RenderJob. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kinolog.codec.public_job import UnsealedFields
from kinolog.job.state import Job
from kinolog.models.catalogue import ModelEntry
from kinolog.storyboard.planner import Camera, PlannedScene, Transition
from kinolog_worker.inference.messages import RenderJob, SceneFile
from kinolog_worker.renderers.renderer import ModelSource


def render_job(
    job: Job, opened: UnsealedFields, entry: ModelEntry, folder: Path, done: Sequence[SceneFile] = ()
) -> RenderJob:
    """What to render; all files are made in `folder`. `done` are scenes of earlier attempts."""
    spec = job.spec
    return RenderJob(
        job_id=job.id,
        model=model_source(entry),
        scenes=scenes_of(job, opened),
        width=spec.width,
        height=spec.height,
        fps=spec.fps,
        steps=spec.steps,
        guidance=spec.guidance,
        folder=folder,
        negative_prompt=opened.negative_prompt,
        native_width=entry.native_width or 0,
        native_height=entry.native_height or 0,
        native_frames=entry.native_frames or 0,
        done=tuple(done),
    )


def model_source(entry: ModelEntry) -> ModelSource:
    """Where the model of a catalogue entry comes from. Options named like settings of a source become those."""
    options = dict(entry.options)
    dtype = options.pop("dtype", "auto")
    allow_download = options.pop("allow_download", False)
    cache_folder = options.pop("cache_folder", None)
    return ModelSource(
        name=entry.name,
        location=entry.source,
        renderer=entry.renderer,
        revision=entry.revision,
        dtype=str(dtype),
        cache_folder=Path(str(cache_folder)) if cache_folder else None,
        allow_download=bool(allow_download),
        options=options,
    )


def scenes_of(job: Job, opened: UnsealedFields) -> tuple[PlannedScene, ...]:
    """The scenes with their prompts in the clear; a job without a storyboard is one scene."""
    spec = job.spec
    if not job.scenes:
        whole = PlannedScene(
            index=0,
            prompt=_styled(opened.prompt, spec.style),
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
            prompt=_styled(prompt, spec.style),
            start_seconds=scene.start_seconds,
            duration_seconds=scene.duration_seconds,
            frames=scene.frames,
            camera=Camera(scene.camera),
            transition=Transition(scene.transition),
            seed=scene.seed,
        )
        for scene, prompt in zip(job.scenes, opened.scenes, strict=True)
    )


def _styled(prompt: str, style: str) -> str:
    """The prompt with the style as its last words."""
    return f"{prompt.rstrip(' .,;')}, {style} style" if style else prompt

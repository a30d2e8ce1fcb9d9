"""The request to the inference process: a job from the log, unsealed, as a `RenderJob`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kinolog.codec.public_job import UnsealedFields
from kinolog.job.rendering.profile import EXACT, UsedProfile
from kinolog.job.state import Job
from kinolog.job.values import Spec
from kinolog.models.catalogue import ModelEntry
from kinolog.models.choices.loras import LoraEntry
from kinolog.models.codecs import VideoCodec
from kinolog.models.postprocess.upscalers import UpscalerEntry
from kinolog.storyboard.planner import PlannedScene
from kinolog.storyboard.recorded_scenes import recorded_scenes
from kinolog_worker.inference.messages import RenderJob, SceneFile
from kinolog_worker.media.encoder_settings import VideoEncoding
from kinolog_worker.renderers.renderer import InputFile, LoraSource, ModelSource
from kinolog_worker.renderers.upscaler import UpscalerSource


def build_render_job(
    job: Job,
    unsealed: UnsealedFields,
    entry: ModelEntry,
    folder: Path,
    finished_scenes: Sequence[SceneFile] = (),
    inputs: Sequence[InputFile] = (),
    loras: Sequence[LoraSource] = (),
) -> RenderJob:
    """Return what to render. All files are made in `folder`; `finished_scenes` come from earlier attempts.

    A job that is prefetched has no `inputs` and no `loras` yet, and no job an `upscaler`.
    """
    spec = job.spec
    return RenderJob(
        job_id=job.id,
        model=model_source(entry),
        scenes=unsealed_scenes(job, unsealed),
        width=spec.width,
        height=spec.height,
        fps=spec.fps,
        steps=spec.steps,
        guidance=spec.guidance,
        folder=folder,
        negative_prompt=unsealed.negative_prompt,
        native_width=entry.native_width or 0,
        native_height=entry.native_height or 0,
        native_frames=entry.native_frames or 0,
        encoding=VideoEncoding(VideoCodec(spec.codec or VideoCodec.H264), spec.crf),
        seed=spec.seed,
        tagged=spec.tagged,
        title=unsealed.title,
        finished_scenes=tuple(finished_scenes),
        inputs=tuple(inputs),
        chained=spec.chained,
        loras=tuple(loras),
        sigmas=spec.sigmas,
        flow_shift=spec.flow_shift,
        profile=_profile(spec),
        interpolation_factor=max(1, spec.interpolate_fps // spec.fps),
        live_video=True,
    )


def model_source(entry: ModelEntry, files: Path | None = None, api_key: str = "") -> ModelSource:
    """Return the source of a catalogue entry's model. Options with the name of a source setting become that setting.

    `files` is the folder of a model of the hub on this machine, and `api_key` the secret of a server.
    """
    options = dict(entry.options)
    dtype = options.pop("dtype", "auto")
    options.pop("allow_download", None)  # the supervisor downloads
    cache_folder = options.pop("cache_folder", None)
    return ModelSource(
        name=entry.name,
        location=str(files or entry.pipeline_source),
        renderer=entry.renderer,
        revision=None if files else entry.revision,
        dtype=str(dtype),
        cache_folder=Path(str(cache_folder)) if cache_folder else None,
        weights=Path(entry.source) if entry.base else None,
        options=options,
        files_at_once=entry.files_at_once,
        api_key=api_key,
    )


def upscaler_source(entry: UpscalerEntry, files: Path | None = None) -> UpscalerSource:
    """Return the source of an upscaler of the catalogue. `files` is the folder of one of the hub on this machine."""
    return UpscalerSource(
        name=entry.name,
        location=str(files or entry.source),
        scale=entry.scale,
        tile=entry.tile,
        overlap=entry.overlap,
        licence=entry.licence,
        sha256=entry.sha256,
    )


def lora_source(lora: LoraEntry, weight: float, entry: ModelEntry, files: Path | None = None) -> LoraSource:
    """Return the source of a LoRA of the catalogue that changes the model of an entry.

    `files` is the folder with the file of one of the hub on this machine.
    """
    return LoraSource(
        name=lora.name,
        location=str(files or lora.source),
        weight=weight,
        network=lora.network_of(entry.pipeline),
        licence=lora.licence,
        weight_file=lora.weight_file,
        sha256=lora.sha256,
    )


def unsealed_scenes(job: Job, unsealed: UnsealedFields) -> tuple[PlannedScene, ...]:
    """Return the scenes with their prompts in the clear, which end with the style."""
    scenes = recorded_scenes(job, unsealed.prompt, unsealed.scenes)
    return tuple(replace(scene, prompt=_styled(scene.prompt, job.spec.style)) for scene in scenes)


def _profile(spec: Spec) -> UsedProfile | None:
    """Return the profile of a job without figures; None for that of the model as it is."""
    return None if spec.profile in ("", EXACT) else UsedProfile(name=spec.profile, cache=spec.cache)


def _styled(prompt: str, style: str) -> str:
    """Return the prompt with the style as its last words."""
    return f"{prompt.rstrip(' .,;')}, {style} style" if style else prompt

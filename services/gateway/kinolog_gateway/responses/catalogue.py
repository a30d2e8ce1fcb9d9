"""The model catalogue and the workers."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from kinolog_gateway.enum_names import InputRoleName, StageName, input_role_name, stage_name, time_field
from kinolog_gateway.responses.attempts.attempt import StepCacheView
from kinolog_gateway.responses.job_parts import JobLoraView, ResponseModel, duration_seconds


class ModelDefaults(ResponseModel):
    """Values that jobs of a model take by default."""

    size: str
    frames: int
    fps: int
    duration: float = Field(description="Length in seconds.")
    steps: int
    guidance: float
    negative_prompt: str | None
    codec: str
    crf: int = Field(description="Constant rate factor of the codec.")


class ModelInputView(ResponseModel):
    """What a model starts from beside the prompt."""

    role: InputRoleName
    required: bool = Field(
        description="Whether each job must have it. Of inputs that replace each other none is required by itself."
    )
    most: int = Field(description="The largest number in a job.")


class ProfileView(ResponseModel):
    """A choice of settings that jobs of a model can name."""

    name: str = Field(description="Name, such as fast; exact is the model as it is.")
    description: str
    steps: int = Field(description="Denoising steps of jobs that give none.")
    guidance: float = Field(description="Guidance of jobs that give none.")
    loras: list[JobLoraView] = Field(description="LoRAs beside those of the job.")
    sigmas: list[float] = Field(
        description="Noise levels of the steps; empty for those that the scheduler makes."
    )
    flow_shift: float | None = Field(description="Shift of the noise levels; null for that of the model.")
    cache: StepCacheView | None = Field(description="What is left out of steps that change little.")


class ModelView(ResponseModel):
    """A model of the catalogue."""

    name: str
    description: str
    is_default: bool = Field(description="Whether jobs without a model get this one.")
    defaults: ModelDefaults
    sizes: list[str] = Field(description="Supported sizes; empty if any size within the limits is supported.")
    max_frames: int
    max_steps: int
    styles: list[str]
    workers: list[str] = Field(description="Workers that serve it at present.")
    codecs: list[str] = Field(description="Codecs that its jobs can have: those that its workers can encode.")
    inputs: list[ModelInputView] = Field(description="Pictures and clips that its jobs can start from.")
    window_frames: int = Field(
        description="The longest part that scenes of chained jobs are cut into; 0 if its jobs cannot be chained."
    )
    profiles: list[ProfileView] = Field(
        description="Profiles that its jobs can name. The first one is exact."
    )
    vocabulary: list[str] = Field(
        description="Words that it knows; empty if it takes any. It leaves out the others."
    )


class UpscalerView(ResponseModel):
    """An upscaler of the catalogue."""

    name: str
    description: str
    licence: str = Field(description="As the catalogue states it.")
    scale: int = Field(description="How many times wider and higher frames become.")


class LoraView(ResponseModel):
    """A LoRA of the catalogue."""

    name: str
    description: str
    licence: str
    families: list[str] = Field(description="Pipeline classes of diffusers that it fits.")
    models: list[str] = Field(description="Models of the catalogue that it fits.")
    default_weight: float = Field(
        description="How strongly it changes the model in jobs that give no weight."
    )
    trigger_words: list[str] = Field(description="Words that call for it in a prompt.")


class ModelsView(ResponseModel):
    """The catalogue."""

    models: list[ModelView]
    loras: list[LoraView]
    prompt_writer: str | None = Field(
        description="Language model that writes shots and prompts; null if this installation has none."
    )
    upscalers: list[UpscalerView] = Field(description="Upscalers that jobs can name.")


class MemoryNeedView(ResponseModel):
    """What a model needs at least of a GPU. Both are estimates; no scene needs less than either."""

    least_bytes: int = Field(description="For any scene.")
    bytes_per_pixel: float = Field(description="For each pixel of a scene's frames.")


class WorkerView(ResponseModel):
    """The last report of a worker."""

    name: str
    device: str = Field(examples=["cuda:0"])
    hardware: str
    models: list[str] = Field(description="Models it serves.")
    loaded_models: list[str]
    job_id: str | None = Field(description="The job that it renders, if any.")
    other_job_id: str | None = Field(
        description="A second job: it is finished beside that one, or waits for the device."
    )
    server_job_ids: list[str] = Field(
        description="Jobs whose videos other servers make for it. They do not use its device."
    )
    attempt: int | None
    stage: StageName | None
    step: int | None
    steps: int | None
    memory_used_bytes: int
    memory_total_bytes: int
    started_at: datetime | None
    seen_at: datetime | None
    jobs_completed: int
    attempts_failed: int = Field(
        description="Since its start. Attempts that ended by a stop or another trouble of the service do not count."
    )
    libraries: dict[str, str]
    problem: str | None = Field(description="Why it takes no job; null if it does.")
    memory_needs: dict[str, MemoryNeedView] = Field(
        description="What its models need at least of its device; those that it could not measure are missing."
    )
    codecs: list[str] = Field(description="Codecs that it can encode; empty until its renderer is ready.")


class WorkersView(ResponseModel):
    """The workers, by name."""

    workers: list[WorkerView]


def models_view(response: jobs.ListModelsResponse) -> ModelsView:
    """Return the catalogue."""
    return ModelsView(
        models=[_model(model) for model in response.models],
        loras=[_lora(lora) for lora in response.loras],
        prompt_writer=response.prompt_writer or None,
        upscalers=[
            UpscalerView(name=one.name, description=one.description, licence=one.licence, scale=one.scale)
            for one in response.upscalers
        ],
    )


def _lora(lora: pb.Lora) -> LoraView:
    return LoraView(
        name=lora.name,
        description=lora.description,
        licence=lora.licence,
        families=list(lora.families),
        models=list(lora.models),
        default_weight=lora.default_weight,
        trigger_words=list(lora.trigger_words),
    )


def _profile(profile: pb.Profile) -> ProfileView:
    return ProfileView(
        name=profile.name,
        description=profile.description,
        steps=profile.steps,
        guidance=profile.guidance,
        loras=JobLoraView.all_of(profile.loras),
        sigmas=list(profile.sigmas),
        flow_shift=profile.flow_shift or None,
        cache=StepCacheView.of(profile),
    )


def _model(model: pb.Model) -> ModelView:
    defaults = model.defaults
    return ModelView(
        name=model.name,
        description=model.description,
        is_default=model.is_default,
        defaults=ModelDefaults(
            size=f"{defaults.width}x{defaults.height}",
            frames=defaults.frames,
            fps=defaults.fps,
            duration=duration_seconds(defaults),
            steps=defaults.steps,
            guidance=defaults.guidance,
            negative_prompt=defaults.negative_prompt or None,
            codec=defaults.codec,
            crf=defaults.crf,
        ),
        sizes=list(model.sizes),
        window_frames=model.window_frames,
        max_frames=model.max_frames,
        max_steps=model.max_steps,
        styles=list(model.styles),
        workers=list(model.workers),
        inputs=[
            ModelInputView(role=role, required=one.required, most=one.most)
            for one in model.inputs
            if (role := input_role_name(one.role)) is not None
        ],
        codecs=list(model.codecs),
        profiles=[_profile(profile) for profile in model.profiles],
        vocabulary=list(model.vocabulary),
    )


def workers_view(response: jobs.ListWorkersResponse) -> WorkersView:
    """Return the workers."""
    return WorkersView(workers=[_worker(worker) for worker in response.workers])


def _worker(worker: pb.Worker) -> WorkerView:
    busy = bool(worker.job_id)
    return WorkerView(
        name=worker.name,
        device=worker.device,
        hardware=worker.hardware,
        models=list(worker.models),
        loaded_models=list(worker.loaded_models),
        job_id=worker.job_id or None,
        other_job_id=worker.other_job_id or None,
        server_job_ids=list(worker.server_job_ids),
        attempt=worker.attempt if busy else None,
        stage=stage_name(worker.stage),
        step=worker.step if busy else None,
        steps=worker.steps if busy else None,
        memory_used_bytes=worker.memory_used_bytes,
        memory_total_bytes=worker.memory_total_bytes,
        started_at=time_field(worker, "started_at"),
        seen_at=time_field(worker, "seen_at"),
        jobs_completed=worker.jobs_completed,
        attempts_failed=worker.attempts_failed,
        libraries=dict(worker.libraries),
        problem=worker.problem or None,
        memory_needs={
            model: MemoryNeedView(least_bytes=need.least_bytes, bytes_per_pixel=need.bytes_per_pixel)
            for model, need in worker.memory_needs.items()
        },
        codecs=list(worker.codecs),
    )

"""Models, workers, alarms, and the state of the gateway."""

from __future__ import annotations

import re
from datetime import datetime

from pydantic import Field

from kinolog_client.models.base import ClientModel
from kinolog_client.models.job_parts import JobLoraInfo, StepCacheInfo


class ModelDefaultsInfo(ClientModel):
    """Values for jobs that give none. `duration` in seconds."""

    size: str
    frames: int
    fps: int
    duration: float
    steps: int
    guidance: float
    negative_prompt: str | None = None
    codec: str = "h264"
    crf: int | None = None


class ModelInputInfo(ClientModel):
    """What a model starts from beside the prompt: a role, whether each job needs it, and how many it takes."""

    role: str
    required: bool = False
    most: int = 1


class ProfileInfo(ClientModel):
    """A choice of settings that jobs of a model can name. `exact` is the model as it is."""

    name: str
    description: str = ""
    steps: int = 0
    guidance: float = 0.0
    loras: tuple[JobLoraInfo, ...] = ()
    sigmas: tuple[float, ...] = ()
    flow_shift: float | None = None
    cache: StepCacheInfo | None = None


class ModelInfo(ClientModel):
    """A model with its limits. `sizes` is empty if every size is accepted; `workers` serve it now.

    `vocabulary` has the words that it knows, and is empty if it takes any. `codecs` are those that its jobs can have,
    `inputs` the pictures and clips that they can start from. Scenes of chained jobs are cut into parts of at most
    `window_frames`; 0 if jobs of the model cannot be chained.
    """

    name: str
    description: str = ""
    is_default: bool = False
    defaults: ModelDefaultsInfo
    sizes: tuple[str, ...] = ()
    max_frames: int
    max_steps: int
    styles: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ()
    inputs: tuple[ModelInputInfo, ...] = ()
    profiles: tuple[ProfileInfo, ...] = ()
    window_frames: int = 0


class UpscalerInfo(ClientModel):
    """An upscaler that jobs can name: frames become `scale` times wider and higher."""

    name: str
    description: str = ""
    licence: str = ""
    scale: int = 1


class LoraInfo(ClientModel):
    """A LoRA of the catalogue. `models` are those that it fits, `trigger_words` call for it in a prompt."""

    name: str
    description: str = ""
    licence: str = ""
    families: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    default_weight: float = 1.0
    trigger_words: tuple[str, ...] = ()


class ModelListInfo(ClientModel):
    """The catalogue of models. `prompt_writer` is the language model that writes shots and prompts, if there is one."""

    models: tuple[ModelInfo, ...]
    loras: tuple[LoraInfo, ...] = ()
    prompt_writer: str | None = None
    upscalers: tuple[UpscalerInfo, ...] = ()


class MemoryNeedInfo(ClientModel):
    """What a model needs at least of a GPU: `least_bytes` for any scene, and so much for each pixel of its frames."""

    least_bytes: int
    bytes_per_pixel: float


class WorkerInfo(ClientModel):
    """A worker as it last reported.

    `other_job_id` is a second job that it finishes beside `job_id`, or that waits for the device; None without one.
    `server_job_ids` are the jobs whose videos other servers make for it.
    `problem` is why it takes no job; None if it does. `memory_needs` has those of its models that it could measure.
    """

    name: str
    device: str
    hardware: str = ""
    models: tuple[str, ...] = ()
    loaded_models: tuple[str, ...] = ()
    job_id: str | None = None
    other_job_id: str | None = None
    server_job_ids: tuple[str, ...] = ()
    attempt: int | None = None
    stage: str | None = None
    step: int | None = None
    steps: int | None = None
    memory_used_bytes: int = 0
    memory_total_bytes: int = 0
    started_at: datetime | None = None
    seen_at: datetime | None = None
    jobs_completed: int = 0
    attempts_failed: int = 0
    libraries: dict[str, str] = Field(default_factory=dict)
    codecs: tuple[str, ...] = ()
    problem: str | None = None
    memory_needs: dict[str, MemoryNeedInfo] = Field(default_factory=dict)


class WorkerListInfo(ClientModel):
    """The workers, by name."""

    workers: tuple[WorkerInfo, ...]


class AlarmInfo(ClientModel):
    """A trouble of the service that stands. `severity` is `warning`, or `refuse_writes` while no job is accepted.

    `details` and `instance`, which jobs and which process, are empty unless the key is valid for every tenant.
    """

    name: str
    severity: str = "warning"
    text: str
    source: str = ""
    since: datetime | None = None
    details: str = ""
    instance: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The text and the details, or the details alone if they are the text with the jobs that it leaves out."""
        pattern = r"\S+?".join(re.escape(part) for part in self.text.split("…"))
        shown = (self.details,) if re.match(pattern, self.details) else (self.text, self.details)
        return tuple(filter(None, shown))


class AlarmListInfo(ClientModel):
    """The alarms, those that refuse writes first."""

    alarms: tuple[AlarmInfo, ...] = ()


class HealthInfo(ClientModel):
    """The gateway's process runs."""

    status: str

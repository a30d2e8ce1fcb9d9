"""The fields of a job. `python -m tests.client_job` writes this module from the gateway's `JobDetail`."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kinolog_client.models.base import ClientModel
from kinolog_client.models.job_parts import (
    ArtifactInfo,
    AttemptInfo,
    ErrorInfo,
    InputInfo,
    JobLoraInfo,
    LinksInfo,
    MediaInfo,
    ReproductionInfo,
    StageInfo,
    StepCacheInfo,
    TimingsInfo,
)


class JobFields(ClientModel):
    """What the gateway says about a job. In lists, fields that only the answer about one job has are empty."""

    job_id: str
    """26 lower-case letters and digits."""
    status: str
    priority: str
    percent: float = 0.0
    """Progress of the whole job, 0 to 100."""
    stage: str | None = None
    """The current or last stage."""
    scene: int | None = None
    """The current scene, from 0, if the stage works on scenes."""
    scenes: int = 0
    """Number of scenes."""
    attempt: int = 0
    """The current or last attempt, from 1; 0 before the first."""
    worker: str | None = None
    """The worker of the current or last attempt."""
    queue_position: int | None = None
    """Jobs of the tenant that start before it if the lanes take turns by weight, 8:4:2:1; 0 is next. An
    estimate: a lane that waits for ten minutes has more turns, and other tenants have turns between."""
    eta_seconds: float | None = None
    """Estimated seconds until it ends; None before two denoising steps are done."""
    prompt: str | None = None
    """Description of the video; None once the job is erased."""
    negative_prompt: str | None = None
    model: str = ""
    style: str | None = None
    size: str = ""
    """Width and height in pixels."""
    width: int = 0
    height: int = 0
    duration: float = 0.0
    """Requested length in seconds."""
    frames: int = 0
    fps: int = 0
    steps: int = 0
    guidance: float = 0.0
    seed: int = 0
    cancel_requested: bool = False
    """Whether a cancellation was requested."""
    erased: bool = False
    """Whether its prompts and files are erased."""
    error: ErrorInfo | None = None
    """Why it failed, if it did."""
    actor: str = ""
    """Who submitted it."""
    tenant: str = ""
    """The tenant that owns it."""
    request_id: str = ""
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    """Start of its first attempt."""
    finished_at: datetime | None = None
    not_before: datetime | None = None
    """It does not start before this time: that of start_after, or the end of a pause before another
    attempt."""
    start_after: datetime | None = None
    """When it was to start at the earliest; None if it was to start at once, and after a retry."""
    start_before: datetime | None = None
    """It fails if no attempt has started by then; None without such a time, and after a retry."""
    paused_at: datetime | None = None
    """When it was paused; None if it is not. It is queued, or its attempt ends at its next step."""
    reproduces: str | None = None
    """The completed job that it renders again, if it does."""
    variant_of: str | None = None
    """First job of the request whose variants it and others are, its own id for the first; None for a single
    job."""
    variant: int | None = None
    """Its number among the variants, from 1."""
    gpu_seconds: float = 0.0
    """Device time spent on it."""
    timings: TimingsInfo = Field(default_factory=TimingsInfo)
    version: int = 0
    """Number of events in its history."""
    position: int = 0
    """Position of its last commit in the log."""
    codec: str = ""
    """Codec of the video."""
    crf: int | None = None
    """Constant rate factor of the codec; None in jobs of earlier versions, which have the usual one."""
    title: str | None = None
    """Title in its file; None without one, and once the job is erased."""
    stages: tuple[StageInfo, ...] = ()
    """The stages of the current or last attempt, in order."""
    attempts: tuple[AttemptInfo, ...] = ()
    inputs: tuple[InputInfo, ...] = ()
    """What it starts from, in the order of the request."""
    artifacts: tuple[ArtifactInfo, ...] = ()
    chained: bool = False
    """Whether each scene goes on from the end of the one before."""
    upscaler: str | None = None
    """Upscaler that enlarges the drawn frames, if one does."""
    loras: tuple[JobLoraInfo, ...] = ()
    """Its LoRAs, each with its weight."""
    profile: str = ""
    """The profile that filled in steps, guidance and LoRAs."""
    sigmas: tuple[float, ...] = ()
    """Noise levels of the steps, from the noisiest on; empty for those that the scheduler makes."""
    flow_shift: float | None = None
    """Shift of the noise levels; None for that of the model."""
    cache: StepCacheInfo | None = None
    """What is left out of steps that change little; None for nothing."""
    interpolate_fps: int | None = None
    """Frames per second of the video, if frames between the drawn ones are computed."""
    prompt_writer: str | None = None
    """Language model that wrote the prompts of the scenes, if one did."""
    prompt_writer_trouble: str | None = None
    """Why none wrote them although the request asked for it: the prompt was used as it is."""
    media: MediaInfo | None = None
    """Facts of the finished video."""
    reproduction: ReproductionInfo | None = None
    """How its video compares with that of the job that it reproduces."""
    links: LinksInfo = Field(default_factory=LinksInfo)

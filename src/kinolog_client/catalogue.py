"""What the gateway answers about models and workers."""

from __future__ import annotations

from datetime import datetime

from kinolog_client.jobs import ClientModel


class ModelInfo(ClientModel):
    """A model of the catalogue with its limits."""

    class ModelDefaultsInfo(ClientModel):
        """Values of jobs that do not say."""

        size: str
        frames: int
        fps: int
        duration: float
        steps: int
        guidance: float
        negative_prompt: str | None = None

    name: str
    description: str = ""
    is_default: bool = False
    defaults: ModelDefaultsInfo
    sizes: tuple[str, ...] = ()
    max_frames: int
    max_steps: int
    styles: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()


class ModelListInfo(ClientModel):
    """The catalogue."""

    models: tuple[ModelInfo, ...]


class WorkerInfo(ClientModel):
    """A worker as it last reported."""

    name: str
    device: str
    hardware: str = ""
    models: tuple[str, ...] = ()
    job_id: str | None = None
    attempt: int | None = None
    stage: str | None = None
    step: int | None = None
    steps: int | None = None
    memory_used_bytes: int = 0
    memory_total_bytes: int = 0
    seen_at: datetime | None = None
    jobs_completed: int = 0
    attempts_failed: int = 0


class WorkerListInfo(ClientModel):
    """The workers, by name."""

    workers: tuple[WorkerInfo, ...]

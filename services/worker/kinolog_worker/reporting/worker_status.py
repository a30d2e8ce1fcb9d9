"""The state of a worker, for its reports, its metrics, and the runtime of its attempts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from kinolog.job.values import Runtime, Stage
from kinolog.ports.workers import FINISHING_STAGES, MemoryNeed, WorkerReport
from kinolog.process.metrics.histogram import WORK_SECONDS, Histogram
from kinolog_worker.renderers.file_renderer import ELSEWHERE
from kinolog_worker.renderers.renderer import LoadedFacts


@dataclass(slots=True)
class AttemptStatus:
    """How far an attempt is."""

    job_id: str
    attempt: int
    is_at_server: bool = False
    """Whether a server makes its video: it does not use the device."""
    stage: Stage | None = None
    step: int = 0
    steps: int = 0


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """Room of a disk, in bytes."""

    free: int
    total: int


def _stage_seconds() -> Histogram:
    return Histogram(
        "kinolog_worker_stage_seconds", "Seconds of finished stages.", ("model", "stage"), WORK_SECONDS
    )


@dataclass(slots=True)
class WorkerStatus:
    """Written by the ticket handler and its attempts; read by reports and metrics."""

    name: str
    device: str
    models: tuple[str, ...]
    started_at: datetime
    hardware: str = ""
    libraries: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    runtimes: dict[str, Runtime] = field(default_factory=dict)
    """What an attempt with each model ran on last."""
    problem: str = ""
    """Why it takes no job; empty if it does."""

    memory_needs: Mapping[str, MemoryNeed] = field(default_factory=lambda: MappingProxyType({}))
    loaded_models: tuple[str, ...] = ()
    """The models that are loaded, the one used last first."""

    attempts: dict[str, AttemptStatus] = field(default_factory=dict)
    """The attempts that run, by job, in the order of their starts."""
    jobs_completed: int = 0
    attempts_failed: int = 0
    memory_used_bytes: int = 0
    memory_total_bytes: int = 0
    device_use: float | None = None
    """The part of the last second in which the device worked, 0 to 1; None if it does not tell."""
    disks: Mapping[str, DiskRoom] = field(default_factory=lambda: MappingProxyType({}))
    stage_seconds: Histogram = field(default_factory=_stage_seconds)
    codecs: tuple[str, ...] = ()
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by every change that is reported at once."""

    def model_loaded(self, model: str, facts: LoadedFacts) -> None:
        """Note that a model is loaded, and what it runs on. One that runs elsewhere is not loaded here."""
        if facts.device != ELSEWHERE:
            self.loaded_models = (model, *(other for other in self.loaded_models if other != model))
            self.device, self.hardware = facts.device, facts.hardware
        self.libraries = MappingProxyType({**self.libraries, **facts.libraries})
        self.runtimes[model] = Runtime(
            hardware=facts.hardware or facts.device,
            model_revision=facts.revision,
            libraries=self.libraries,
            dtype=facts.dtype,
            scheduler=facts.scheduler,
            placement=facts.placement,
            placement_reason=facts.placement_reason,
            options=MappingProxyType(dict(facts.options)),
            device=facts.device,
            upscaler=facts.upscaler,
            loras=facts.loras,
            profile=facts.profile,
        )
        self.changed.set()

    def add_memory_needs(self, found: Mapping[str, MemoryNeed]) -> None:
        """Add what models need that are measured now."""
        if found:
            self.memory_needs = MappingProxyType({**self.memory_needs, **found})
            self.changed.set()

    def set_problem(self, problem: str) -> None:
        """Set why the worker takes no job; empty if it does."""
        if problem != self.problem:
            self.problem = problem
            self.changed.set()

    def attempt_started(self, job_id: str, attempt: int, *, is_at_server: bool = False) -> None:
        """Add an attempt that runs."""
        self.attempts.pop(job_id, None)
        self.attempts[job_id] = AttemptStatus(job_id, attempt, is_at_server)
        self.changed.set()

    def attempt_ended(self, job_id: str) -> None:
        """Remove the attempt at a job. Removing none is no error."""
        if self.attempts.pop(job_id, None) is not None:
            self.changed.set()

    def progress(self, job_id: str, stage: Stage, step: int, steps: int) -> None:
        """Set how far the attempt at a job is."""
        attempt = self.attempts.get(job_id)
        if attempt is not None:
            attempt.stage, attempt.step, attempt.steps = stage, step, steps

    @property
    def current(self) -> AttemptStatus:
        """The attempt that uses the device, or the oldest one; one without a job if none runs.

        One whose video a server makes is the last choice.
        """
        running = sorted(self.attempts.values(), key=lambda attempt: attempt.is_at_server)
        using = (one for one in running if one.stage not in FINISHING_STAGES and not one.is_at_server)
        return next(using, running[0] if running else AttemptStatus("", 0))

    @property
    def job_id(self) -> str:
        """The job of the current attempt; empty if none runs."""
        return self.current.job_id

    def runtime(self, model: str) -> Runtime:
        """Return what an attempt with this model runs on: what the last one ran on, or what is known without it."""
        unknown = Runtime(hardware=self.hardware or self.device, libraries=self.libraries)
        return self.runtimes.get(model, unknown)

    def report(self, now: datetime) -> WorkerReport:
        """Return the report for the registry."""
        current = self.current
        at_servers = [job_id for job_id, attempt in self.attempts.items() if attempt.is_at_server]
        others = (job_id for job_id in self.attempts if job_id not in {current.job_id, *at_servers})
        return WorkerReport(
            name=self.name,
            device=self.device,
            hardware=self.hardware,
            models=self.models,
            loaded_models=self.loaded_models,
            problem=self.problem,
            memory_needs=self.memory_needs,
            started_at=self.started_at,
            seen_at=now,
            job_id=current.job_id,
            other_job_id=next(others, ""),
            server_job_ids=tuple(at_servers),
            attempt=current.attempt,
            stage=current.stage,
            step=current.step,
            steps=current.steps,
            memory_used_bytes=self.memory_used_bytes,
            memory_total_bytes=self.memory_total_bytes,
            jobs_completed=self.jobs_completed,
            attempts_failed=self.attempts_failed,
            libraries=self.libraries,
            codecs=self.codecs,
        )

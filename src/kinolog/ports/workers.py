"""Port: the registry of workers and their reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from kinolog.job.values import Stage

PRESENT_SECONDS = 30.0
"""How long a worker is present after its last report."""


FINISHING_STAGES = frozenset({Stage.ASSEMBLE, Stage.SIGN, Stage.STORE})
"""Stages of a job that uses the device no more."""

SURE_SHARE = 0.8
"""The share of an estimated need that a scene needs in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """What a model needs at least of a GPU: `least_bytes` for any scene, so much for each pixel of a scene's frames.

    No scene needs less than either. Both are estimates.
    """

    least_bytes: int
    bytes_per_pixel: float

    def of(self, pixels: int) -> int:
        """Return the bytes that a scene with so many pixels in all its frames needs at least."""
        return int(max(self.least_bytes, self.bytes_per_pixel * pixels))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """The state of a worker; memory in bytes. `job_id` is empty if it is idle.

    `attempt`, `stage`, `step` and `steps` are those of `job_id`. `other_job_id` is a second job whose attempt it has
    started: its files are being finished, or it waits for the device. It is empty if there is none. `server_job_ids`
    are the jobs whose videos other servers make for it; `job_id` is one of them if no job uses the device.
    `codecs` are those that it can encode; none until its inference process is ready, and in an earlier version.
    `problem` is why it takes no job, in a sentence; empty if it does. `memory_needs` are those of the models that it
    could measure.
    """

    name: str
    device: str
    hardware: str
    models: tuple[str, ...]
    loaded_models: tuple[str, ...]
    started_at: datetime
    seen_at: datetime
    job_id: str = ""
    attempt: int = 0
    stage: Stage | None = None
    step: int = 0
    steps: int = 0
    memory_used_bytes: int = 0
    memory_total_bytes: int = 0
    jobs_completed: int = 0
    attempts_failed: int = 0
    libraries: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    codecs: tuple[str, ...] = ()
    problem: str = ""
    memory_needs: Mapping[str, MemoryNeed] = field(default_factory=lambda: MappingProxyType({}))
    other_job_id: str = ""
    server_job_ids: tuple[str, ...] = ()

    @property
    def job_ids(self) -> frozenset[str]:
        """The jobs whose attempts it has started and not ended."""
        return frozenset({self.job_id, self.other_job_id, *self.server_job_ids} - {""})

    @property
    def waits(self) -> bool:
        """Whether it waits for a job of its device: that is free, and at most one job is being finished."""
        is_free = self.job_id in ("", *self.server_job_ids) or self.stage in FINISHING_STAGES
        return is_free and not self.other_job_id and not self.problem

    def lacks_memory(self, model: str, pixels: int) -> bool:
        """Return whether its GPU is too small for a scene with so many pixels in all its frames, however it is placed.

        False for a CPU, and where the need of the model or the memory of the GPU is not known.
        """
        need = self.memory_needs.get(model)
        if need is None or not self.memory_total_bytes or not self.device.startswith("cuda"):
            return False
        return need.of(pixels) * SURE_SHARE > self.memory_total_bytes


class WorkerRegistry(Protocol):
    """The workers that report. A worker that stops reporting is removed after `PRESENT_SECONDS`.

    Names consist of letters, digits, `-`, `_` and `.`. Every method raises `LogUnavailable` if the registry does not
    answer. Every adapter passes tests/contract/test_workers.py.
    """

    async def report(self, worker: WorkerReport) -> None:
        """Store the report of a worker."""
        ...

    async def deregister(self, name: str) -> None:
        """Remove a worker."""
        ...

    async def is_deregistered(self, name: str) -> bool:
        """Return whether a worker was removed and has not reported since, as far as that is still known."""
        ...

    async def present_workers(self) -> Sequence[WorkerReport]:
        """Return the reports of the present workers, ordered by name."""
        ...

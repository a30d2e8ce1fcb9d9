"""Port: what workers report about themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from kinolog.job.values import Stage

PRESENT_SECONDS = 30.0
"""How long a worker counts as present after its last report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """A worker as it sees itself; memory in bytes. `job_id` is empty when it is idle."""

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


class WorkerRegistry(Protocol):
    """Who is there. A worker that stops reporting disappears after half a minute.

    Names are words of letters, digits, `-`, `_` and `.`. Every method raises `LogUnavailable` when the registry
    does not answer. Every adapter passes tests/contract/test_workers.py.
    """

    async def report(self, worker: WorkerReport) -> None:
        """Say that the worker is there."""
        ...

    async def deregister(self, name: str) -> None:
        """Say that the worker is gone."""
        ...

    async def present_workers(self) -> Sequence[WorkerReport]:
        """Workers that reported lately, by name."""
        ...

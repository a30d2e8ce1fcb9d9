"""The stages of one run, as messages to the supervisor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from kinolog_worker.inference.messages import Message, StageFinishedMessage, StageStartedMessage


@dataclass(frozen=True, slots=True)
class _RunningStage:
    """The stage that runs, for its closing message."""

    name: str
    scene: int | None
    started: float


class StageMessages:
    """Sends each stage's start and end once, also if the stage is interrupted and begun again."""

    def __init__(self, job_id: str, send: Callable[[Message], None]) -> None:
        self._job_id = job_id
        self._send = send
        self._running: _RunningStage | None = None
        self._interrupted_seconds: dict[tuple[str, int | None], float] = {}
        """Seconds of stages that were interrupted, to be begun again."""
        self._finished: set[tuple[str, int | None]] = set()

    @property
    def running(self) -> str:
        """The name of the running stage; empty if none runs."""
        return self._running.name if self._running is not None else ""

    def start(self, name: str, scene: int | None = None) -> None:
        """Start a stage. One that was begun before goes on, and one that was finished stays so."""
        self._running = _RunningStage(name, scene, perf_counter())
        key = (name, scene)
        if key not in self._interrupted_seconds and key not in self._finished:
            self._send(StageStartedMessage(job_id=self._job_id, stage=name, scene=scene))

    def interrupt(self) -> None:
        """End the running stage, which is begun again."""
        if self._running is not None:
            key = (self._running.name, self._running.scene)
            seconds = perf_counter() - self._running.started
            self._interrupted_seconds[key] = self._interrupted_seconds.get(key, 0.0) + seconds
            self._running = None

    def finish(self) -> float:
        """Finish the running stage and return its seconds."""
        stage = self._running
        if stage is None:
            return 0.0
        key = (stage.name, stage.scene)
        seconds = perf_counter() - stage.started + self._interrupted_seconds.pop(key, 0.0)
        self._running = None
        if key not in self._finished:
            self._finished.add(key)
            self._send(
                StageFinishedMessage(
                    job_id=self._job_id, stage=stage.name, seconds=seconds, scene=stage.scene
                )
            )
        return seconds

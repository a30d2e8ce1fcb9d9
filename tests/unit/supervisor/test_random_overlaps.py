"""Random histories of one worker whose attempts overlap: whatever happens, each job ends once and none is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from kinolog_worker.attempt import attempt_outcome, device_line
from kinolog_worker.attempt.scratch_folder import NOTE
from kinolog_worker.inference.messages import (
    CancelledMessage,
    FailedMessage,
    LoadedMessage,
    Message,
    RenderJob,
    StageStartedMessage,
)
from kinolog_worker.supervisor import Supervisor

from kinolog.ids import new_id
from kinolog.job.commands import Cancel
from kinolog.job.decide import Refused
from kinolog.job.events import TERMINAL
from kinolog.job.values import Status
from kinolog.ports.artifacts import ArtifactsUnavailable, StagedContent
from kinolog.ports.tickets import Ticket
from kinolog.process.backoff import Backoff
from tests.adapters.memory.artifacts import MemoryArtifacts
from tests.builders.memory_worker import MemoryWorker, issued, supervised
from tests.builders.scripted_inference import FACTS, ScriptedInference, finished
from tests.fixtures.waits import until

STEPS = 120
ACTIONS = (
    "submit",
    "draw",
    "draw",
    "finish",
    "finish",
    "cancel",
    "crash",
    "close store",
    "open store",
    "near",
    "look",
)


class ClosingStore(MemoryArtifacts):
    """A store that takes nothing while it is closed."""

    is_open = True

    async def stage(self, content: Path | AsyncIterable[bytes], folder: str) -> StagedContent:
        """Stage content, if it is open."""
        if not self.is_open:
            raise ArtifactsUnavailable("it is closed")
        return await super().stage(content, folder)


class RandomProcess:
    """An inference process that draws one job at a time, and does the next thing when the test says so."""

    def __init__(self, memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs: list[dict[str, asyncio.Event]] = []
        self.drawing = 0
        self.most_drawing = 0
        self._free = asyncio.Lock()
        memory_worker.inference.script = self.render
        monkeypatch.setattr(memory_worker.inference, "cancel", self.cancel)
        self.by_job: dict[str, dict[str, asyncio.Event]] = {}

    def cancel(self, job_id: str) -> None:
        """Stop a job, if it runs."""
        if job_id in self.by_job:
            self.by_job[job_id]["cancel"].set()

    async def render(self, _: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        """Draw a job and finish it."""
        run = {name: asyncio.Event() for name in ("draw", "finish", "cancel", "crash")}
        self.by_job[job.job_id] = run
        self.runs.append(run)
        try:
            async with self._free:
                self.drawing += 1
                self.most_drawing = max(self.most_drawing, self.drawing)
                try:
                    yield LoadedMessage(job_id=job.job_id, facts=FACTS, cached=True)
                    yield StageStartedMessage(job_id=job.job_id, stage="denoise", scene=0)
                    why = await _first(run, "draw")
                finally:
                    self.drawing -= 1
            if why == "draw":
                yield StageStartedMessage(job_id=job.job_id, stage="assemble")
                why = await _first(run, "finish")
            if why == "finish":
                yield finished(job)
            elif why == "cancel":
                yield CancelledMessage(job_id=job.job_id)
            else:
                yield FailedMessage(
                    job_id=job.job_id, code="WORKER_CRASHED", message="it died", retryable=True
                )
        finally:
            self.runs.remove(run)


async def _first(run: dict[str, asyncio.Event], wanted: str) -> str:
    names = ("crash", "cancel", wanted)
    tasks = [asyncio.create_task(run[name].wait()) for name in names]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    return next(name for name in names if run[name].is_set())


@pytest.mark.parametrize("seed", range(6))
async def test_each_job_ends_once(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancellations, crashes and a store that is away, in any order, with two attempts at most and one that draws."""
    short = Backoff(first_seconds=0.001, longest_seconds=0.001)
    monkeypatch.setattr(attempt_outcome, "STORE_BACKOFF", short)
    monkeypatch.setattr(device_line, "START_SECONDS", 1e9)  # every expected end is near
    monkeypatch.setattr(device_line, "TAKE_SECONDS", 1e9)
    random, store = Random(seed), ClosingStore()
    memory_worker = MemoryWorker(tmp_path)
    memory_worker.set_artifacts(store)
    memory_worker.set_timing(first_retry_seconds=0.0, shutdown_grace_seconds=0.0)
    process = RandomProcess(memory_worker, monkeypatch)
    jobs: list[str] = []
    most_attempts = 0
    async with supervised(memory_worker) as supervisor:
        for _ in range(STEPS):
            await act(random.choice(ACTIONS), random, memory_worker, process, store, supervisor, jobs)
            most_attempts = max(most_attempts, len(memory_worker.dependencies.status.attempts))
            for _ in range(random.randrange(4)):
                await asyncio.sleep(0)
        store.is_open = True

        async def ended() -> bool:
            await act("draw", random, memory_worker, process, store, supervisor, jobs)
            await act("finish", random, memory_worker, process, store, supervisor, jobs)
            await issue_again(memory_worker, jobs)
            return all([(await memory_worker.job(job_id)).status.terminal for job_id in jobs])

        await until(ended, "all jobs have ended")
    assert process.most_drawing <= 1
    assert most_attempts <= 2
    assert not await memory_worker.issuer.outstanding()
    for job_id in jobs:
        kinds = Counter(isinstance(event, TERMINAL) for event in await memory_worker.events(job_id))
        assert kinds[True] == 1
    assert left(tmp_path) == []


def left(folder: Path) -> list[str]:
    """Return the folders of attempts and the notes about tickets that are still there."""
    return [path.name for path in folder.iterdir() if path.is_dir() or path.name.startswith(NOTE)]


async def act(
    action: str,
    random: Random,
    memory_worker: MemoryWorker,
    process: RandomProcess,
    store: ClosingStore,
    supervisor: Supervisor,
    jobs: list[str],
) -> None:
    """Do one thing that may happen."""
    match action:
        case "submit" if len(jobs) < 12:
            jobs.append(await issued(memory_worker))
        case "draw" | "finish" | "crash" if process.runs:
            random.choice(process.runs)[action].set()
        case "cancel" if jobs:
            with suppress(Refused):
                await memory_worker.handler.handle(random.choice(jobs), Cancel(id=new_id(), actor="ann"))
        case "close store" | "open store":
            store.is_open = action == "open store"
        case "near":
            for place in supervisor._handler.line._places:
                place.expect_end(0.0)
        case "look":
            await issue_again(memory_worker, jobs)
        case _:
            pass


async def issue_again(memory_worker: MemoryWorker, jobs: list[str]) -> None:
    """Issue tickets of queued jobs, as the dispatcher does for each commit that queues one."""
    for job_id in jobs:
        job = await memory_worker.job(job_id)
        if job.status is Status.QUEUED:
            await memory_worker.issuer.issue(
                Ticket(
                    job_id=job_id,
                    position=await memory_worker.position(job_id),
                    attempt=job.attempt + 1,
                    model_class="tiny",
                    priority=job.priority,
                )
            )
        elif job.status.terminal:
            await memory_worker.issuer.withdraw(job_id)

"""Histories of jobs made by the real decider, on a log and a key store in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from kinolog.command_handler import HandledCommand
from kinolog.job import commands as c
from kinolog.job.values import JobError, Priority, Runtime, Stage
from kinolog.privacy.sealed_fields import unseal_job
from tests.adapters.memory.event_store import MemoryEventStore
from tests.adapters.memory.keys import MemoryKeyStore
from tests.builders.jobs import MEDIA, JobDriver, video

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUNTIME = Runtime(hardware="two cores", model_revision="r1", libraries={"torch": "2.7"})
STAGES = (Stage.ENCODE_PROMPT, Stage.DENOISE, Stage.DECODE, Stage.STORE)


class MemoryJobs(JobDriver):
    """Jobs that go through their lives in memory. Every command takes a second; ids count up."""

    store: MemoryEventStore
    keys: MemoryKeyStore

    def __init__(
        self,
        *,
        store: MemoryEventStore | None = None,
        keys: MemoryKeyStore | None = None,
        now: datetime = START,
    ) -> None:
        super().__init__(store or MemoryEventStore(), keys or MemoryKeyStore(), lambda: self.now)
        self.now = now
        self.job_ids: list[str] = []
        self._random = Random(7)
        self._commands = 0

    def command_id(self) -> str:
        """The next command id."""
        self._commands += 1
        return f"command-{self._commands}"

    async def send(self, job_id: str, *commands: c.Command) -> HandledCommand:
        """Send commands to a job, a second apart. Return what the last one did."""
        for command in commands:
            self.now += timedelta(seconds=1)
            handled = await super().send(job_id, command)
        return handled

    async def submit(
        self,
        prompt: str = "a red circle",
        *,
        priority: Priority = Priority.MEDIUM,
        tenant: str = "default",
        model: str = "kinolog-tiny",
        style: str = "cinematic",
        max_attempts: int = 2,
        model_class: str = "tiny",
        start_after: datetime | None = None,
        start_timeout_seconds: int = 0,
        variant_of: str = "",
        variant: int = 0,
    ) -> str:
        """Submit a job. Return its id."""
        number = len(self.job_ids)
        job_id = f"job{number:023d}"
        self.job_ids.append(job_id)
        changes = {"width": 128, "height": 96, "steps": 10, "model": model, "seed": number, "style": style}
        changes["model_class"] = model_class
        return await self.submit_sealed(
            job_id,
            prompt,
            changes,
            priority=priority,
            tenant=tenant,
            max_attempts=max_attempts,
            start_after=start_after,
            start_timeout_seconds=start_timeout_seconds,
            variant_of=variant_of,
            variant=variant,
        )

    async def prompt(self, job_id: str) -> str:
        """The prompt of a job that is not erased."""
        return unseal_job(await self.job(job_id), await self.keys.get(job_id)).prompt

    async def record_stages(self, job_id: str, attempt: int, worker: str = "worker-1") -> None:
        """Let the stages of an attempt start and finish, one after the other."""
        for stage in STAGES:
            for seconds in (None, self._random.uniform(0.01, 9)):
                at = self.now + timedelta(seconds=1)
                mark = c.StageMark(stage=stage, scene=0, at=at, seconds=seconds)
                await self.send(
                    job_id,
                    c.RecordStages(id=self.command_id(), actor=worker, attempt=attempt, marks=(mark,)),
                )

    async def complete(self, job_id: str, worker: str = "worker-1") -> None:
        """Take a queued job through an attempt that completes it."""
        attempt = await self.start(job_id, worker, RUNTIME)
        await self.record_stages(job_id, attempt, worker)
        artifact = video(job_id)
        for scene in (await self.job(job_id)).scenes:
            await self.send(
                job_id,
                c.RecordScene(
                    id=self.command_id(), actor=worker, attempt=attempt, scene=scene.index, artifact=artifact
                ),
            )
        await self.send(
            job_id,
            c.Complete(
                id=self.command_id(),
                actor=worker,
                attempt=attempt,
                artifacts=(artifact,),
                media=MEDIA,
                gpu_seconds=3.5,
            ),
        )

    async def fail(self, job_id: str, *, retryable: bool = False, worker: str = "worker-1") -> None:
        """Take a queued job through an attempt that fails."""
        attempt = await self.start(job_id, worker, RUNTIME)
        error = JobError(code="OUT_OF_MEMORY", message='no room: "12 GiB" \\ {wanted}', retryable=retryable)
        await self.send(
            job_id,
            c.FailAttempt(
                id=self.command_id(), actor=worker, attempt=attempt, error=error, retry_at=self.now
            ),
        )

    async def cancel(self, job_id: str) -> None:
        """Cancel the job."""
        await self.send(job_id, c.Cancel(id=self.command_id(), actor="ann"))

    async def erase(self, job_id: str) -> None:
        """Erase a job that has ended: its key first, as the api does."""
        await self.keys.erase(job_id)
        await self.send(job_id, c.Erase(id=self.command_id(), actor="ann"))

    async def many(self, count: int) -> None:
        """Submit `count` jobs of every kind, their lives overlapping."""
        for number in range(count):
            job_id = await self.submit(
                f"prompt {number} of a {self._random.choice(['red', 'blue'])} kite",
                priority=self._random.choice(list(Priority)),
                tenant=self._random.choice(["default", "default", "other"]),
                style=self._random.choice(["cinematic", "documentary", ""]),
            )
            await self._live(self._random.choice(self.job_ids) if number % 3 else job_id)

    async def _live(self, job_id: str) -> None:
        """Let something happen to a job if it is queued."""
        if (await self.job(job_id)).status.value != "queued":
            return
        match self._random.randrange(6):
            case 0:
                await self.cancel(job_id)
            case 1:
                await self.fail(job_id)
            case 2:
                await self.fail(job_id, retryable=True)
                await self.complete(job_id, "worker-2")
                await self.erase(job_id)
            case 3:
                await self.start(job_id, runtime=RUNTIME)
            case 4:
                await self.send(
                    job_id, c.Reprioritize(id=self.command_id(), actor="ann", priority=Priority.CRITICAL)
                )
                await self.fail(job_id)
                await self.send(job_id, c.Retry(id=self.command_id(), actor="ann"))
            case _:
                await self.complete(job_id)

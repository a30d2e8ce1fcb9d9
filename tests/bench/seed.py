"""Fills read models with generated jobs through the projector's rebuild, to measure lists at size.

    python -m tests.bench.seed 1000000

fills the migrated, empty database of KINOLOG_DATABASE_URL: 100,000 jobs are generated, the others are copies of those.
The jobs are in no log and no archive: such a database is for reading only, and no projector starts on it.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random

import uvloop
from kinolog_projector.rebuild.rebuild import Rebuild
from sqlalchemy import Table

from kinolog.ids import job_id
from kinolog.job import events as e
from kinolog.job.commit import CommandFacts, Commit, RecordedCommit
from kinolog.job.evolve import fold
from kinolog.job.state import FOLD_VERSION
from kinolog.job.values import (
    Artifact,
    ArtifactKind,
    JobError,
    MediaFacts,
    Priority,
    Runtime,
    Stage,
    Status,
)
from kinolog.ports.event_store import EventStore
from kinolog.privacy.sealed_fields import PROMPT
from kinolog.privacy.sealer import KEY_BYTES, Sealer
from kinolog.process.gc_tuning import CollectionRate, collect_garbage_rarely
from kinolog.process.settings import ProjectorSettings
from kinolog.readmodel.database import writer_connection
from tests.bench.database_copies import PARTS, grow
from tests.builders.jobs import SPEC

OLDEST = datetime(2026, 4, 1, tzinfo=UTC)
PACE = timedelta(days=90) / 1_000_000
"""Time between two submissions."""
GENERATED_JOBS = 100_000
"""Jobs that are generated at most; more are copies of them (tests.bench.database_copies)."""
STATUSES = {Status.COMPLETED: 920, Status.FAILED: 45, Status.CANCELLED: 30, Status.QUEUED: 5}
PRIORITIES = {Priority.CRITICAL: 5, Priority.HIGH: 20, Priority.MEDIUM: 60, Priority.LOW: 15}
STYLES = ("cinematic", "documentary", "animation", "noir", "")
COLOURS = ("red", "green", "blue", "yellow", "white")
SHAPES = ("circle", "square", "kite", "train", "whale", "lighthouse")
PLACES = ("over the sea", "in the desert", "under a bridge", "on the moon", "at night")
COMMITS_PER_READ = 2_000


class NotEmpty(Exception):
    """The database already contains a log."""


class OneKey:
    """A key store that gives every job the same key."""

    key = bytes(KEY_BYTES)

    async def get_wrapped(self, job_ids: Sequence[str]) -> dict[str, bytes]:
        """Return the key for each job, as an earlier version stored it."""
        return dict.fromkeys(job_ids, self.key)

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """Return the key."""
        return wrapped


@dataclass(frozen=True, slots=True)
class GeneratedLog:
    """A log of one commit per job, with its whole history. The same number gives the same jobs."""

    jobs: int
    tenant: str = "default"

    async def read(
        self, after: int, until: int | None = None
    ) -> AsyncGenerator[Sequence[RecordedCommit], None]:
        """Yield the commits after a position."""
        last = min(self.jobs, until or self.jobs)
        for start in range(after, last, COMMITS_PER_READ):
            numbers = range(start + 1, min(start + COMMITS_PER_READ, last) + 1)
            yield [self.commit(number) for number in numbers]

    def commit(self, number: int) -> RecordedCommit:
        """Return the commit at a position."""
        random = Random(number)
        seed_job_id = job_id(self.tenant, f"seed-{number}")
        created_at = OLDEST + PACE * number
        created_at = created_at.replace(microsecond=random.randrange(1_000_000))
        recent = number > self.jobs * 0.995
        statuses = {**STATUSES, Status.QUEUED: 300} if recent else {**STATUSES, Status.QUEUED: 0}
        status = random.choices(list(statuses), list(statuses.values()))[0]
        events = tuple(self._events(random, seed_job_id, created_at, status))
        state = fold(None, seed_job_id, events, "seed")
        facts = CommandFacts(name="submit", id=f"seed-{number}", actor="seed")
        commit = Commit(
            job_id=seed_job_id,
            command=facts,
            events=events,
            state=state,
            fold_version=FOLD_VERSION,
            version=state.version,
            previous_position=0,
            previous_hash=b"",
            at=created_at,
        )
        return RecordedCommit(
            position=number, commit=commit, digest=sha256(seed_job_id.encode()).digest(), raw=b""
        )

    def _events(
        self, random: Random, seed_job_id: str, created_at: datetime, status: Status
    ) -> Iterator[e.Event]:
        words = (random.choice(COLOURS), random.choice(SHAPES), random.choice(PLACES))
        prompt = f"a {words[0]} {words[1]} moving {words[2]}, take {random.randrange(1_000_000)}"
        sealed = Sealer(seed_job_id, OneKey.key).seal(prompt, PROMPT)
        model = random.choices(("kinolog-tiny", "wan-1.3b"), (70, 30))[0]
        style = random.choice(STYLES)
        seed = random.randrange(1 << 31)
        spec = replace(
            SPEC,
            prompt=sealed,
            model=model,
            model_class=model,
            width=480,
            height=320,
            frames=32,
            steps=20,
            seed=seed,
            style=style,
        )
        priority = random.choices(list(PRIORITIES), list(PRIORITIES.values()))[0]
        yield e.Submitted(
            at=created_at,
            spec=spec,
            tenant=self.tenant,
            actor="seed",
            request_id=seed_job_id,
            body_hash=b"",
            priority=priority,
            max_attempts=3,
        )
        yield e.Queued(at=created_at, attempt=1, priority=priority)
        if status is Status.QUEUED:
            return
        at = created_at + timedelta(seconds=random.expovariate(1 / 30))
        if status is Status.CANCELLED:
            yield e.CancelRequested(at=at, actor="seed")
            yield e.Cancelled(at=at, attempt=0)
            return
        yield e.AttemptStarted(
            at=at,
            attempt=1,
            worker=f"worker-{random.randrange(8)}",
            runtime=Runtime(hardware="seed", model_revision="r1"),
        )
        seconds = random.lognormvariate(3.5, 0.5)
        at += timedelta(seconds=seconds)
        if status is Status.FAILED:
            error = JobError(code="OUT_OF_MEMORY", message="the device has no memory left", retryable=False)
            yield e.AttemptFailed(at=at, attempt=1, error=error)
            yield e.Failed(at=at, attempt=1, error=error)
            return
        yield e.StageFinished(at=at, attempt=1, stage=Stage.DENOISE, seconds=seconds * 0.8, scene=0)
        yield e.StageFinished(at=at, attempt=1, stage=Stage.DECODE, seconds=seconds * 0.2, scene=0)
        digest = sha256(seed_job_id.encode()).hexdigest()
        key = f"sha256/{digest[:2]}/{digest[2:]}.mp4"
        video = Artifact(
            kind=ArtifactKind.VIDEO,
            key=key,
            sha256=digest,
            size_bytes=random.randrange(100_000, 9_000_000),
            media_type="video/mp4",
        )
        media = MediaFacts(
            width=480,
            height=320,
            frames=32,
            fps=8.0,
            duration_seconds=4.0,
            codec="h264",
            pixel_format="yuv420p",
            frame_hash=digest,
        )
        yield e.Completed(at=at, attempt=1, artifacts=(video,), media=media, gpu_seconds=seconds)


async def seed(
    database_url: str,
    jobs: int,
    batch_size: int = 5_000,
    *,
    most_generated: int = GENERATED_JOBS,
    parts: Sequence[Table] = PARTS,
) -> None:
    """Fill a migrated, empty database with jobs, of which more than `most_generated` are copies with these parts.

    Raises `NotEmpty`, `ValueError` for an impossible size.
    """
    generated = min(jobs, most_generated)
    if jobs % generated:
        raise ValueError(f"more than {most_generated} jobs are made in multiples of that number")
    log = GeneratedLog(generated)
    async with await writer_connection(database_url, "kinolog-seed") as connection:
        cursor = await connection.execute(
            "UPDATE kinolog.log_checkpoint SET position = %s, digest = %s WHERE position = 0 RETURNING true",
            [generated, log.commit(generated).digest],
        )
        if await cursor.fetchone() is None:
            raise NotEmpty(
                "the database already contains a log; give the generated jobs a database of their own"
            )
    store: EventStore = log  # type: ignore[assignment]  # a rebuild only reads from start to end
    await Rebuild(database_url, store, OneKey(), batch_size).run()  # type: ignore[arg-type]  # and reads keys
    if jobs > generated:
        await grow_to(database_url, jobs, generated, parts)


async def grow_to(
    database_url: str, jobs: int, generated: int = GENERATED_JOBS, parts: Sequence[Table] = PARTS
) -> None:
    """Grow a database of generated jobs to a multiple of them."""
    await grow(database_url, generated, (PACE * generated).total_seconds(), jobs // generated - 1, parts)


def main() -> None:
    """Fill the database of the settings."""
    database_url = ProjectorSettings().database_url.get_secret_value()
    collect_garbage_rarely(CollectionRate.BATCHES)
    try:
        uvloop.run(seed(database_url, int(sys.argv[1])))
    except (NotEmpty, ValueError) as error:
        sys.exit(str(error))
    sys.stdout.write(f"the database holds {sys.argv[1]} jobs\n")


if __name__ == "__main__":
    main()

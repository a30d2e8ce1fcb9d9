"""Filling read models with made-up jobs through the projector's own bulk path, to measure lists at size.

    python -m tests.bench.seed 1000000

fills the migrated, empty database of KINOLOG_DATABASE_URL: 100,000 jobs are made up, the others are copies of those.
The jobs lie in no log and no archive: such a database is for reading only, and no projector starts on it.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random

import uvloop
from kinolog_projector.rebuild.rebuild import Rebuild

from kinolog.ids import job_id
from kinolog.job import events as e
from kinolog.job.commit import CommandFacts, Commit, Recorded
from kinolog.job.evolve import fold
from kinolog.job.state import FOLD_VERSION
from kinolog.job.values import (
    Artifact,
    ArtifactKind,
    JobError,
    MediaFacts,
    Priority,
    Runtime,
    Spec,
    Stage,
    Status,
)
from kinolog.ports.event_store import EventStore
from kinolog.privacy.sealed_fields import PROMPT
from kinolog.privacy.sealer import KEY_BYTES, Sealer
from kinolog.process.gc_tuning import CollectionRate, collect_garbage_rarely
from kinolog.process.settings import ProjectorSettings
from kinolog.readmodel.database import writing_connection
from tests.bench.database_copies import grow

OLDEST = datetime(2026, 4, 1, tzinfo=UTC)
PACE = timedelta(days=90) / 1_000_000
"""From one job to the next."""
MADE_UP = 100_000
"""So many jobs are made up; more are copies of them (tests.bench.database_copies)."""
STATUSES = {Status.COMPLETED: 920, Status.FAILED: 45, Status.CANCELLED: 30, Status.QUEUED: 5}
PRIORITIES = {Priority.CRITICAL: 5, Priority.HIGH: 20, Priority.MEDIUM: 60, Priority.LOW: 15}
STYLES = ("cinematic", "documentary", "animation", "noir", "")
COLOURS = ("red", "green", "blue", "yellow", "white")
SHAPES = ("circle", "square", "kite", "train", "whale", "lighthouse")
PLACES = ("over the sea", "in the desert", "under a bridge", "on the moon", "at night")
COMMITS_PER_READ = 2_000


class NotEmpty(Exception):
    """The database has seen a log already."""


class OneKey:
    """A key store that gives every job the same key."""

    key = bytes(KEY_BYTES)

    async def get_many(self, job_ids: Sequence[str]) -> dict[str, bytes]:
        """The key."""
        return dict.fromkeys(job_ids, self.key)


@dataclass(frozen=True, slots=True)
class MadeUpLog:
    """A log of one commit per job, which holds all of its history. The same number gives the same jobs."""

    jobs: int
    tenant: str = "default"

    async def read(self, after: int, until: int | None = None) -> AsyncIterator[Sequence[Recorded]]:
        """The commits behind `after`."""
        last = min(self.jobs, until or self.jobs)
        for start in range(after, last, COMMITS_PER_READ):
            numbers = range(start + 1, min(start + COMMITS_PER_READ, last) + 1)
            yield [self.commit(number) for number in numbers]

    def commit(self, number: int) -> Recorded:
        """The commit at a position."""
        random = Random(number)
        its_id = job_id(self.tenant, f"seed-{number}")
        created_at = OLDEST + PACE * number
        created_at = created_at.replace(microsecond=random.randrange(1_000_000))
        recent = number > self.jobs * 0.995
        statuses = {**STATUSES, Status.QUEUED: 300} if recent else {**STATUSES, Status.QUEUED: 0}
        status = random.choices(list(statuses), list(statuses.values()))[0]
        events = tuple(self._events(random, its_id, created_at, status))
        state = fold(None, its_id, events, "seed")
        facts = CommandFacts("submit", f"seed-{number}", "seed")
        commit = Commit(its_id, facts, events, state, FOLD_VERSION, state.version, 0, b"", created_at)
        return Recorded(number, commit, sha256(its_id.encode()).digest(), b"")

    def _events(self, random: Random, its_id: str, created_at: datetime, status: Status) -> Iterator[e.Event]:
        words = (random.choice(COLOURS), random.choice(SHAPES), random.choice(PLACES))
        prompt = f"a {words[0]} {words[1]} moving {words[2]}, take {random.randrange(1_000_000)}"
        sealed = Sealer(its_id, OneKey.key).seal(prompt, PROMPT)
        model = random.choices(("kinolog-tiny", "wan-1.3b"), (70, 30))[0]
        style = random.choice(STYLES)
        seed = random.randrange(1 << 31)
        spec = Spec(sealed, None, model, model, 480, 320, 32, 8, 20, 5.0, seed, style)
        priority = random.choices(list(PRIORITIES), list(PRIORITIES.values()))[0]
        yield e.Submitted(created_at, spec, self.tenant, "seed", its_id, b"", priority, 3)
        yield e.Queued(created_at, 1, priority)
        if status is Status.QUEUED:
            return
        at = created_at + timedelta(seconds=random.expovariate(1 / 30))
        if status is Status.CANCELLED:
            yield e.CancelRequested(at, "seed")
            yield e.Cancelled(at, 0)
            return
        yield e.AttemptStarted(at, 1, f"worker-{random.randrange(8)}", Runtime("seed", "r1"))
        seconds = random.lognormvariate(3.5, 0.5)
        at += timedelta(seconds=seconds)
        if status is Status.FAILED:
            error = JobError("OUT_OF_MEMORY", "the device has no memory left", False)
            yield e.AttemptFailed(at, 1, error)
            yield e.Failed(at, 1, error)
            return
        yield e.StageFinished(at, 1, Stage.DENOISE, seconds * 0.8, 0)
        yield e.StageFinished(at, 1, Stage.DECODE, seconds * 0.2, 0)
        digest = sha256(its_id.encode()).hexdigest()
        key = f"sha256/{digest[:2]}/{digest[2:]}.mp4"
        video = Artifact(ArtifactKind.VIDEO, key, digest, random.randrange(100_000, 9_000_000), "video/mp4")
        media = MediaFacts(480, 320, 32, 8.0, 4.0, "h264", "yuv420p", digest)
        yield e.Completed(at, 1, (video,), media, seconds)


async def seed(database_url: str, jobs: int, batch_size: int = 5_000) -> None:
    """Fill a migrated, empty database with made-up jobs. Raises `NotEmpty`, `ValueError` for a size it cannot make."""
    made_up = min(jobs, MADE_UP)
    if jobs % made_up:
        raise ValueError(f"more than {MADE_UP} jobs are made in rounds of so many")
    log = MadeUpLog(made_up)
    async with await writing_connection(database_url, "kinolog-seed") as connection:
        cursor = await connection.execute(
            "UPDATE kinolog.log_checkpoint SET position = %s, digest = %s WHERE position = 0 RETURNING true",
            [made_up, log.commit(made_up).digest],
        )
        if await cursor.fetchone() is None:
            raise NotEmpty("the database has seen a log already; give the made-up jobs one of their own")
    store: EventStore = log  # type: ignore[assignment]  # a rebuild only reads from start to end
    await Rebuild(database_url, store, OneKey(), batch_size).run()  # type: ignore[arg-type]  # and opens
    if jobs > made_up:
        await grow_to(database_url, jobs)


async def grow_to(database_url: str, jobs: int) -> None:
    """Bring a database that holds `MADE_UP` jobs to a multiple of them."""
    await grow(database_url, MADE_UP, (PACE * MADE_UP).total_seconds(), jobs // MADE_UP - 1)


def main() -> None:
    """Fill the database of this process's settings."""
    database_url = ProjectorSettings().database_url.get_secret_value()
    collect_garbage_rarely(CollectionRate.BATCHES)
    try:
        uvloop.run(seed(database_url, int(sys.argv[1])))
    except (NotEmpty, ValueError) as error:
        sys.exit(str(error))
    sys.stdout.write(f"the database holds {sys.argv[1]} jobs\n")


if __name__ == "__main__":
    main()

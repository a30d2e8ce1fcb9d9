"""Orders of jobs that the gateway does not have: by status, and by the place in the queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from kinolog_client import PRIORITIES, AsyncKinologClient, JobInfo, JobPageInfo, JobSelection

STATUS_SORT = "status"
"""The word of the order by status."""
STATUS_ORDER = ("processing", "queued", "failed", "cancelled", "completed")
"""What a person may have to do something about comes first."""
SEPARATOR = "~"
PAUSE_ALARM = "queue-paused"
"""Name of the alarm about pauses of the queue."""
SHORT_LOOK_LISTS = 2
"""A look at the queue that needs more lists is long."""


async def jobs_by_status(
    client: AsyncKinologClient,
    selection: JobSelection,
    *,
    descending: bool,
    limit: int,
    cursor: str | None,
) -> JobPageInfo:
    """Return a page of jobs, status after status, the newest of each first.

    `cursor` is the `next_cursor` of the page before. A page is filled from the next status if one has too few jobs.
    """
    statuses = _ordered(selection.statuses, descending=descending)
    place, _, inner = (cursor or f"0{SEPARATOR}").partition(SEPARATOR)
    at = int(place)
    jobs: list[JobInfo] = []
    page: JobPageInfo | None = None
    while at < len(statuses) and len(jobs) < limit:
        if page is not None and not getattr(page.summary, statuses[at]):
            at += 1
            continue
        only = replace(selection, statuses=(statuses[at],))
        page = await client.jobs(only, limit=limit - len(jobs), cursor=inner or None)
        jobs += page.jobs
        inner = page.next_cursor or ""
        at += not inner
    if page is None:
        page = await client.jobs(selection, limit=1)
    while at < len(statuses) and not inner and not getattr(page.summary, statuses[at]):
        at += 1
    return page.model_copy(
        update={
            "jobs": tuple(jobs),
            "limit": limit,
            "total": sum(getattr(page.summary, status) for status in statuses),
            "next_cursor": f"{at}{SEPARATOR}{inner}" if at < len(statuses) else None,
        }
    )


@dataclass(frozen=True, slots=True)
class WaitingJobs:
    """The first waiting jobs, the next one first."""

    jobs: tuple[JobInfo, ...]
    lists: int
    """Lists that were requested to find them."""

    @property
    def took_many_lists(self) -> bool:
        """Whether the service had much to do for this look, so that the next one should not follow at once."""
        return self.lists > SHORT_LOOK_LISTS


async def first_waiting_jobs(
    client: AsyncKinologClient, limit: int, *, has_pauses: bool = False
) -> WaitingJobs:
    """Return the first `limit` waiting jobs: those that may start, in the order of their places, before the others.

    One request has all of a short queue. In a longer one each model and each priority has a line of its own, and
    workers take turns between the lines, so the first jobs of the queue are among the first of each line. These are the
    oldest ones, unless jobs were retried: a retry puts an old job at the end of its line. If so, they are the ones that
    changed least recently.

    With `has_pauses` the pauses of the queue are read too: jobs of a paused priority come after others with a place.
    """
    jobs: dict[str, JobInfo] = {}
    lists = 0
    paused = await _paused_priorities(client) if has_pauses else frozenset[str]()

    async def goes_on(line: JobSelection, sort: str = "created_at") -> bool:
        """Add the first jobs of a line. Return whether it has more."""
        nonlocal lists
        lists += 1
        page = await client.jobs(line, sort=sort, order="asc", limit=limit)
        jobs.update((job.job_id, job) for job in page.jobs)
        return page.next_cursor is not None

    queue = JobSelection(statuses=("queued",), startable=True)
    if await goes_on(queue):
        lines = [replace(queue, priorities=(priority,)) for priority in PRIORITIES]
        lines = [line for line in lines if await goes_on(line)]
        models = (await client.models()).models if lines else ()
        if len(models) > 1:
            lines = [replace(line, models=(model.name,)) for line in lines for model in models]
            lines = [line for line in lines if await goes_on(line)]
        for line in lines:
            await goes_on(line, "updated_at")
    elif len(jobs) < limit:
        await goes_on(replace(queue, startable=False))
    return WaitingJobs(tuple(sorted(jobs.values(), key=partial(_place, paused=paused))[:limit]), lists)


async def _paused_priorities(client: AsyncKinologClient) -> frozenset[str]:
    """Return the priorities whose jobs do not start: all of them while the whole queue is paused."""
    pauses = (await client.queue_pauses()).pauses
    return frozenset(
        PRIORITIES
        if any(pause.priority is None for pause in pauses)
        else [str(pause.priority) for pause in pauses]
    )


def _place(job: JobInfo, paused: frozenset[str]) -> tuple[int, int, bool, datetime]:
    """Return a key that orders jobs by place, those of paused priorities after the others.

    Jobs without a place come last: those that wait for a time by that time, then paused ones.
    """
    line = 2 if job.queue_position is None else int(job.priority in paused)
    starts_at = job.not_before or job.created_at
    return line, job.queue_position or 0, job.paused_at is not None, starts_at


def _ordered(chosen: Sequence[str], *, descending: bool) -> list[str]:
    statuses = [status for status in STATUS_ORDER if not chosen or status in chosen]
    return statuses if descending else statuses[::-1]

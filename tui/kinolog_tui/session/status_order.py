"""Lists jobs in the order of their status, from the gateway's lists of one status each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kinolog_client import AsyncKinologClient, JobInfo, JobPageInfo, JobSelection

SORT = "status"
"""The word of this order. The gateway has no such order."""
ORDER = ("processing", "queued", "failed", "cancelled", "completed")
"""What a person may have to do something about comes first."""
SEPARATOR = "~"


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


def _ordered(chosen: Sequence[str], *, descending: bool) -> list[str]:
    statuses = [status for status in ORDER if not chosen or status in chosen]
    return statuses if descending else statuses[::-1]

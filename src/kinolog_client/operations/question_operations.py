"""Operations about the commits of all jobs. Pure; see `operations`."""

from __future__ import annotations

from datetime import datetime

from kinolog_client.http.operation import API_PREFIX, Operation, model_of
from kinolog_client.models.history import CommandCountsInfo, FoundCommitsInfo, FoundReadsInfo, QueueAtInfo


def search_events(
    query: str = "", *, limit: int = 100, oldest_first: bool = False, after: int = 0, min_position: int = 0
) -> Operation[FoundCommitsInfo]:
    """Return a page of the commits that a question asks for, such as `actor=alice since=7d event=cancelled`.

    `limit` is 1 to 1000; `after` is the `next_position` of the page before. The page holds every commit up to
    `min_position`: the gateway waits for that.
    """
    params = {"query": query, "limit": str(limit)}
    params |= {"oldest_first": "true"} if oldest_first else {}
    params |= {"after": str(after)} if after else {}
    params |= {"min_position": str(min_position)} if min_position else {}
    return Operation(
        method="GET", route=f"{API_PREFIX}/audit/events", params=params, read=model_of(FoundCommitsInfo)
    )


def search_reads(
    query: str = "", *, limit: int = 100, oldest_first: bool = False, after: str = ""
) -> Operation[FoundReadsInfo]:
    """Return a page of the reads that a question asks for, such as `actor=alice since=7d kind=file`: who read what.

    `limit` is 1 to 1000; `after` is the `next_cursor` of the page before.
    """
    params = {"query": query, "limit": str(limit)}
    params |= {"oldest_first": "true"} if oldest_first else {}
    params |= {"after": after} if after else {}
    return Operation(
        method="GET", route=f"{API_PREFIX}/audit/reads", params=params, read=model_of(FoundReadsInfo)
    )


def count_commands(query: str = "", *, limit: int = 100) -> Operation[CommandCountsInfo]:
    """Return how many of the commits that a question asks for each actor sent, by command: who did what."""
    params = {"query": query, "limit": str(limit)}
    return Operation(
        method="GET", route=f"{API_PREFIX}/audit/commands", params=params, read=model_of(CommandCountsInfo)
    )


def queue_at(as_of: int | datetime | str | None = None, *, limit: int = 100) -> Operation[QueueAtInfo]:
    """Return which jobs were queued, in which order, and which ran, at a position or a time; without it, now."""
    moment = as_of.isoformat() if isinstance(as_of, datetime) else as_of
    params = {"limit": str(limit)} | ({} if moment is None else {"as_of": str(moment)})
    return Operation(
        method="GET", route=f"{API_PREFIX}/audit/queue", params=params, read=model_of(QueueAtInfo)
    )

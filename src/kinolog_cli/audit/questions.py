"""`kinolog audit events` and `kinolog audit who`: questions about the commits of all jobs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

import typer
from rich.text import Text

from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.output.columns import print_columns, print_streamed_columns
from kinolog_cli.output.formats import local_time
from kinolog_client import KinologClient
from kinolog_client.models.history import FoundCommitInfo

PAGE = 1_000
"""Commits that are requested at once."""

WIDE = 120
"""Columns from which on commits have their key, client and address."""

QueryArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[QUERY]",
        help="Conditions that commits must all meet, such as: actor=alice since=7d event=cancelled. "
        "Put one with quotes, blanks, < or > into single quotes.",
    ),
]


@command
def events(
    query: QueryArgument = None,
    limit: Annotated[int, typer.Option(help="The most commits to show; 0 for all.", min=0)] = 100,
    oldest: Annotated[bool, typer.Option("--oldest", help="Begin with the oldest.")] = False,
    jobs: Annotated[
        bool, typer.Option("--jobs", help="Print the id of each job once, and nothing else.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find commits of all jobs by actor, key, address, client, model, event, time and more, newest first.

    Fields: tenant, actor, key, address, client, command, event, outcome, error, model, revision, lora, upscaler,
    worker, job, since, until, position.
    """
    context = current_context(as_json)
    with context.client() as client:
        found = _found(client, " ".join(query or ()), limit, oldest=oldest)
        if jobs:
            _print_jobs(context, dict.fromkeys(commit.job_id for commit in found))
        elif context.as_json:
            for commit in found:
                context.print_json(commit.to_json())
        else:
            _print_commits(context, found)


@command
def who(
    query: QueryArgument = None,
    limit: Annotated[int, typer.Option(help="The most rows to show, 1 to 1000.", min=1, max=1000)] = 100,
    as_json: JsonOption = False,
) -> None:
    """Count commits by actor and command: who did what. Conditions are those of `kinolog audit events`."""
    context = current_context(as_json)
    with context.client() as client:
        counts = client.count_commands(" ".join(query or ()), limit=limit).counts
    if context.as_json:
        for count in counts:
            context.print_json(count.to_json())
        return
    if not counts:
        say_nothing_found(context)
        return
    print_columns(
        context.out,
        ("actor", "command", "commits", "first", "last"),
        [
            (one.actor, one.command, f"{one.commits:,}", local_time(one.first_at), local_time(one.last_at))
            for one in counts
        ],
    )


def _found(client: KinologClient, query: str, limit: int, *, oldest: bool) -> Iterator[FoundCommitInfo]:
    """Yield the first commits of an answer; with a limit of 0, all."""
    after, left = 0, limit
    while True:
        size = min(PAGE, left) if limit else PAGE
        page = client.search_events(query, limit=size, oldest_first=oldest, after=after)
        yield from page.commits
        left -= len(page.commits)
        if page.next_position is None or (limit and left <= 0):
            return
        after = page.next_position


def _print_jobs(context: CliContext, job_ids: Iterable[str]) -> None:
    for job_id in job_ids:
        if context.as_json:
            context.print_json({"job_id": job_id})
        else:
            context.out.print(job_id, markup=False)


def _print_commits(context: CliContext, commits: Iterable[FoundCommitInfo]) -> None:
    wide = shows_origins(context)
    origin = ("key", "client", "address") if wide else ()
    headings = ("position", "time", "job", "by", *origin, "command", "events")
    if not print_streamed_columns(context.out, headings, (_row(one, wide=wide) for one in commits)):
        say_nothing_found(context)


def shows_origins(context: CliContext) -> bool:
    """Return whether rows have key, client and address: in a pipe, and on a wide terminal."""
    return not context.out.is_terminal or context.out.width >= WIDE


def _row(commit: FoundCommitInfo, *, wide: bool) -> tuple[str | Text, ...]:
    address = f"{commit.address} via {commit.via}" if commit.via else commit.address
    origin = (commit.api_key_id, commit.client, address) if wide else ()
    events = ", ".join(event.type for event in commit.events)
    return (
        str(commit.position),
        local_time(commit.at, "%Y-%m-%d %H:%M:%S"),
        commit.job_id,
        commit.actor,
        *origin,
        commit.command,
        Text(events, style="dim"),
    )


def say_nothing_found(context: CliContext, what: str = "commit") -> None:
    """Say that nothing was found, and not on the standard output of a pipe."""
    notes = context.out if context.out.is_terminal else context.err
    notes.print(f"no {what} meets these conditions", style="dim", markup=False)

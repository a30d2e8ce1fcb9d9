"""`kinolog audit reads`: who read what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.text import Text

from kinolog_cli.audit.questions import PAGE, QueryArgument, say_nothing_found, shows_origins
from kinolog_cli.audit.read_checks import ReadChecks
from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.output.columns import print_streamed_columns
from kinolog_cli.output.formats import local_time
from kinolog_client import KinologClient
from kinolog_client.models.history import ReadInfo


@command
def reads(
    query: QueryArgument = None,
    limit: Annotated[int, typer.Option(help="The most reads to show; 0 for all.", min=0)] = 100,
    oldest: Annotated[bool, typer.Option("--oldest", help="Begin with the oldest.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Prove that each is in the tree of the last signed head.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find recorded reads: who read which prompts, videos and records, with which key, from where and when.

    Fields: tenant, actor, key, address, client, kind (file, text, record, other), method, job, outcome, since, until.
    """
    context = current_context(as_json)
    with context.client() as client:
        found = _found(client, " ".join(query or ()), limit, oldest=oldest)
        proofs = ReadChecks(client)
        if check:
            found = proofs.checked(found)
        if context.as_json:
            for read in found:
                context.print_json(read.to_json())
            if check:
                context.print_note(proofs.summary)
            return
        wide = shows_origins(context)
        origin = ("key", "client", "address") if wide else ()
        headings = ("time", "by", *origin, "kind", "job", "times", "bytes", "outcome", "read")
        if not print_streamed_columns(context.out, headings, (_row(read, wide=wide) for read in found)):
            say_nothing_found(context, "read")
        if check:
            context.print_note(proofs.summary)


def _found(client: KinologClient, query: str, limit: int, *, oldest: bool) -> Iterator[ReadInfo]:
    """Yield the first reads of an answer; with a limit of 0, all."""
    after, left = "", limit
    while True:
        size = min(PAGE, left) if limit else PAGE
        page = client.search_reads(query, limit=size, oldest_first=oldest, after=after)
        yield from page.reads
        left -= len(page.reads)
        if page.next_cursor is None or (limit and left <= 0):
            return
        after = page.next_cursor


def _row(read: ReadInfo, *, wide: bool) -> tuple[str | Text, ...]:
    address = f"{read.address} via {read.via}" if read.via else read.address
    origin = (read.api_key_id, read.client, address) if wide else ()
    end = f"{read.offset + read.limit - 1:,}" if read.limit else ""
    span = f" bytes {read.offset:,}-{end}" if read.offset or read.limit else ""
    what = " ".join(filter(None, (read.route or read.method, read.resource)))
    return (
        local_time(read.first_at, "%Y-%m-%d %H:%M:%S"),
        read.actor,
        *origin,
        read.kind,
        read.job_id,
        f"{read.times:,}",
        f"{read.size_bytes:,}",
        read.outcome,
        Text(f"{what}{span}", style="dim"),
    )

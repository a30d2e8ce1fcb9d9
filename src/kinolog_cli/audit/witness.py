"""`kinolog audit witness`: follows signed heads of the tree on another machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, TextIO

import typer

from kinolog.durable_files import write_durably
from kinolog.merkle.witness import HistoryRewritten, PublishedHead, UnreadableHead, Witness
from kinolog_cli.audit.complaints import Complaint, complain
from kinolog_cli.audit.followed.followed_reads import TreeNotWhole
from kinolog_cli.audit.followed.followed_tree import FollowedTree, remembered, stored_contradiction
from kinolog_cli.audit.published import head_text
from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_client import GatewayError


@command
def witness(
    heads: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]", help="Copy of heads.log; - for standard input. Without it: a gateway."
        ),
    ] = None,
    state: Annotated[
        Path, typer.Option("--state", help="File that remembers the last head; made if missing.")
    ] = Path("witness.json"),
    url: Annotated[
        str | None, typer.Option("--url", help="Gateway to follow; else that of kinolog --url.")
    ] = None,
    every: Annotated[
        float | None,
        typer.Option("--every", min=1.0, help="Ask the gateway again after this many seconds, without end."),
    ] = None,
    key_id: Annotated[
        str, typer.Option("--key-id", help="Id of the key to trust at first; else that of the first head.")
    ] = "",
    webhook: Annotated[
        str, typer.Option("--webhook", help="Address that gets a complaint, as JSON, by POST.")
    ] = "",
    run: Annotated[
        str, typer.Option("--run", help="Command that gets a complaint, as JSON, on its standard input.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Check, on another machine, that heads of the tree continue those that were seen before. Exit code 1 when not.

    A gateway is followed with its tree, so that a changed commit is named: kinolog audit witness --url URL --every 60

    A stream is followed: ssh HOST tail -n +1 -F heads.log | kinolog audit witness - --state FILE
    """
    context = current_context(as_json)
    if heads is not None and (url or every):
        raise CommandFailed(ExitCode.USAGE, "give a file of heads, or --url and --every for a gateway")
    try:
        if heads is not None:
            seen = accept_heads(heads, state, key_id)
        else:
            seen = follow_gateway(context, url, FollowedTree(state, key_id), every)
    except HistoryRewritten as error:
        text = f"history was rewritten: {error}"
        for problem in complain(Complaint(text=text, state=state), webhook=webhook, command=run):
            context.print_error(problem)
        raise CommandFailed(ExitCode.FAILED, text) from error
    except TreeNotWhole as error:
        raise CommandFailed(ExitCode.UNREACHABLE, f"{error}; try again") from error
    except UnreadableHead as error:
        raise CommandFailed(ExitCode.USAGE, f"{state}: {error}") from error
    except OSError as error:
        raise CommandFailed(ExitCode.USAGE, f"{heads or state}: {error}") from error
    if seen is None:
        raise CommandFailed(ExitCode.USAGE, f"{heads or context.url} has no head of a tree")
    _print(context, seen)


def _print(context: CliContext, seen: Witness) -> None:
    signed, head = seen.seen.signed, seen.seen.signed.head
    if context.as_json:
        facts = {"number": signed.number, "size": head.size, "root": head.root.hex(), "key_id": signed.key.id}
        context.print_json({**facts, "origin": head.origin, "signed_at": head.at.isoformat()})
        return
    line = f"Nothing was changed up to {head_text(signed.number, head)}."
    context.out.print(line, soft_wrap=True, markup=False)


def follow_gateway(
    context: CliContext,
    url: str | None,
    tree: FollowedTree,
    every: float | None,
    wait: Callable[[float], object] = time.sleep,
) -> Witness | None:
    """Follow a gateway once, or without end. Raises `HistoryRewritten`, `OSError`, `UnreadableHead`, `GatewayError`.

    A gateway that does not answer ends one look, and is asked again if there are more.
    """
    with context.client(url) as client:
        while True:
            before = tree.seen
            try:
                seen = tree.look(client)
            except (GatewayError, TreeNotWhole) as error:
                if every is None:
                    raise
                context.print_error(f"{error}. It is asked again in {every:g} s")
            else:
                if every is None:
                    return seen
                if seen is not None and seen is not before:
                    _print(context, seen)
            wait(every)


def accept_heads(heads: str, state: Path, key_id: str) -> Witness | None:
    """Accept the heads of a file, or of standard input as they come. Return what the witness remembers then.

    None without any head: a stream that never came proves nothing. Raises `HistoryRewritten`, `OSError`, and
    `UnreadableHead` for the file of the state.
    """
    seen = remembered(state)
    last = 0
    with sys.stdin if heads == "-" else Path(heads).open(encoding="utf-8", errors="replace") as lines:
        for published in _heads_of(lines):
            last = max(last, published.signed.number)
            before = seen
            try:
                seen = seen.accept(published) if seen else Witness.begin(published, key_id)
            except HistoryRewritten as error:
                raise HistoryRewritten(f"{error}{stored_contradiction(state, seen, published)}") from error
            if seen is not before:
                write_durably(state, f"{seen.seen.line}\n")
    if not last:
        return None
    if seen is not None and last < seen.seen.signed.number:
        raise HistoryRewritten(
            f"it ends at head {last}, but head {seen.seen.signed.number} was seen before: heads were taken back"
        )
    return seen


def _heads_of(lines: TextIO) -> Iterator[PublishedHead]:
    for line in lines:
        try:
            yield PublishedHead.of(line)
        except UnreadableHead:  # cut off; it is there again, or the next number does not follow
            continue

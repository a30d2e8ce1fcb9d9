"""`kinolog audit witness`: follows signed heads of the tree on another machine."""

from __future__ import annotations

import sys
from datetime import UTC
from pathlib import Path
from typing import Annotated

import typer

from kinolog.counts import counted
from kinolog.durable_files import write_durably
from kinolog.merkle.witness import HistoryRewritten, PublishedHead, UnreadableHead, Witness
from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode


@command
def witness(
    heads: Annotated[str, typer.Argument(metavar="FILE", help="Copy of heads.log; - for standard input.")],
    state: Annotated[
        Path, typer.Option("--state", help="File that remembers the last head; made if missing.")
    ],
    key_id: Annotated[
        str, typer.Option("--key-id", help="Id of the key to trust at first; else that of the first head.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Check, on another machine, that heads of the tree continue those that were seen before. Exit code 1 when not.

    A stream is followed: ssh HOST tail -n +1 -F heads.log | kinolog audit witness - --state FILE
    """
    context = current_context(as_json)
    try:
        seen = accept_heads(heads, state, key_id)
    except HistoryRewritten as error:
        raise CommandFailed(ExitCode.FAILED, f"history was rewritten: {error}") from error
    except UnreadableHead as error:
        raise CommandFailed(ExitCode.USAGE, f"{state}: {error}") from error
    except OSError as error:
        raise CommandFailed(ExitCode.USAGE, f"{heads}: {error}") from error
    if seen is None:
        raise CommandFailed(ExitCode.USAGE, f"{heads} has no head of a tree")
    signed, head = seen.seen.signed, seen.seen.signed.head
    if context.as_json:
        facts = {"number": signed.number, "size": head.size, "root": head.root.hex(), "key_id": signed.key.id}
        context.print_json({**facts, "origin": head.origin, "signed_at": head.at.isoformat()})
        return
    commits, at = counted(head.size, "commit"), f"{head.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    line = f"Nothing was changed up to head {signed.number}: {commits} of {head.origin}, signed {at}."
    context.out.print(line, soft_wrap=True, markup=False)


def accept_heads(heads: str, state: Path, key_id: str) -> Witness | None:
    """Accept the heads of a file, or of standard input as they come. Return what the witness remembers then.

    None without any head: a stream that never came proves nothing. Raises `HistoryRewritten`, `OSError`, and
    `UnreadableHead` for the file of the state.
    """
    remembered = state.read_text(encoding="utf-8") if state.exists() else ""
    seen = Witness(seen=PublishedHead.of(remembered)) if remembered else None
    last = 0
    with sys.stdin if heads == "-" else Path(heads).open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                published = PublishedHead.of(line)
            except UnreadableHead:  # cut off; it is there again, or the next number does not follow
                continue
            last = max(last, published.signed.number)
            before, seen = seen, seen.accept(published) if seen else Witness.begin(published, key_id)
            if seen is not before:
                write_durably(state, f"{seen.seen.line}\n")
    if not last:
        return None
    if seen is not None and last < seen.seen.signed.number:
        raise HistoryRewritten(
            f"it ends at head {last}, but head {seen.seen.signed.number} was seen before: heads were taken back"
        )
    return seen

"""`kinolog audit head` and `kinolog audit consistency`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kinolog.counts import counted
from kinolog.durable_files import write_durably
from kinolog.merkle.proofs import InvalidProof
from kinolog.merkle.signed_note import InvalidNote
from kinolog.merkle.tree_proofs import ConsistencyProof
from kinolog_cli.audit.published import head_text, published_head
from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.formats import utc_time
from kinolog_client import ConsistencyInfo

OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write the proof to; else it is printed.")
]


@command
def head(
    number: Annotated[
        int | None, typer.Option("--number", min=1, help="Number of the head; else the last one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a signed head of the tree over all commits. Its signature is checked."""
    context = current_context(as_json)
    with context.client() as client:
        info = client.tree_head() if number is None else client.tree_head_by_number(number)
    published = published_head(info)
    try:
        stated = published.signed.head
    except InvalidNote as error:
        raise CommandFailed(ExitCode.FAILED, f"head {info.number} was changed: {error}") from error
    if context.as_json:
        context.print_json(info.to_json())
        return
    lines = (head_text(info.number, stated), f"root {stated.root.hex()}", f"key  {published.signed.key.id}")
    for line in lines:
        context.out.print(line, soft_wrap=True, markup=False, highlight=False)
    for place in info.places:
        receipt = ", with a receipt" if place.has_receipt else ""
        since = f" since {utc_time(place.sent_at)}" if place.sent_at else ""
        text = f"head {place.number} is at {place.name}{since}{receipt}"
        context.out.print(text, soft_wrap=True, markup=False, highlight=False)


@command
def consistency(
    old: Annotated[int, typer.Argument(metavar="OLD", min=1, help="Commits of the earlier tree.")],
    new: Annotated[
        int, typer.Argument(metavar="[NEW]", min=0, help="Commits of the later tree; else of the last head.")
    ] = 0,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that the tree of NEW commits begins with that of OLD commits. The proof is checked before it is written.

    Both must be sizes of signed heads: kinolog audit head --number N says the size of one.
    """
    context = current_context(as_json)
    with context.client() as client:
        proof = _proof(client.prove_consistency(old, new))
    try:
        earlier, later = proof.check()
    except InvalidProof as error:
        raise CommandFailed(ExitCode.FAILED, f"history was changed: {error}") from error
    if output is None:
        sys.stdout.write(proof.text)
        return
    write_durably(output, proof.text)
    heads = (head_text(proof.earlier.signed.number, earlier), head_text(proof.later.signed.number, later))
    context.print_note(f"{output}: {heads[1]}\nbegins with all commits of {heads[0]}")


def _proof(info: ConsistencyInfo) -> ConsistencyProof:
    """Return the proof of the gateway. Raises `CommandFailed` if a tree has no signed head."""
    if info.old_head is None or info.new_head is None:
        size = info.old_size if info.old_head is None else info.new_size
        text = f"no head of {counted(size, 'commit')} is signed; take the sizes that kinolog audit head shows"
        raise CommandFailed(ExitCode.USAGE, text)
    return ConsistencyProof(
        earlier=published_head(info.old_head),
        later=published_head(info.new_head),
        hashes=tuple(map(bytes.fromhex, info.hashes)),
    )

"""`kinolog audit prove` and `kinolog audit check-proof`: proofs of commits that need no service to be checked."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterable
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from kinolog.codec.commits import DamagedCommit, decode_commit
from kinolog.codec.enums import UnknownEvent
from kinolog.counts import counted
from kinolog.durable_files import write_durably
from kinolog.job.commit import RecordedCommit
from kinolog.merkle.proofs import InvalidProof
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.tree_proofs import (
    ConsistencyProof,
    InclusionProofs,
    ProvedCommit,
    UnreadableProof,
    proof_of,
)
from kinolog.merkle.witness import PublishedHead, UnreadableHead
from kinolog_cli.audit.published import head_text, published_head
from kinolog_cli.audit.tree_heads import OutputOption
from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.jobs.job_ids import job_id
from kinolog_client import InclusionInfo, KinologClient


@command
def prove(
    subject: Annotated[
        str,
        typer.Argument(metavar="JOB|POSITION", help="A job, for all its commits, or a position of the log."),
    ],
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that commits are in the tree under its last signed head. The proof is checked before it is written.

    Whoever has the file checks it with kinolog audit check-proof, without the service.
    """
    context = current_context(as_json)
    with context.client() as client:
        proofs = _proofs(client, subject)
    try:
        head = proofs.check()
    except InvalidProof as error:
        raise CommandFailed(ExitCode.FAILED, f"history was changed: {error}") from error
    if output is None:
        sys.stdout.write(proofs.text)
        return
    write_durably(output, proofs.text)
    text = head_text(proofs.head.signed.number, head)
    context.print_note(f"{output}: {counted(len(proofs.commits), 'commit')} under {text}")


def _proofs(client: KinologClient, subject: str) -> InclusionProofs:
    if subject.isdecimal() and subject.isascii():
        answers = [client.prove_position(int(subject))]
    else:
        job = job_id(client, subject)
        last = client.prove_job(job)
        history = client.history(job, as_of=last.position).commits
        size = last.tree_size
        earlier = [client.prove_job(job, sequence=n, tree_size=size) for n in range(1, len(history))]
        answers = [*earlier, last]
    head = answers[-1].head
    if head is None:
        raise CommandFailed(ExitCode.FAILED, "the gateway returned no signed head")
    return InclusionProofs(head=published_head(head), commits=tuple(map(_commit, answers)))


def _commit(info: InclusionInfo) -> ProvedCommit:
    return ProvedCommit(
        position=info.position,
        job_id=info.job_id,
        stored_commit=base64.b64decode(info.commit),
        inclusion=tuple(map(bytes.fromhex, info.hashes)),
    )


@command
def check_proof(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="What kinolog audit prove or kinolog audit consistency has written."
        ),
    ],
    head: Annotated[
        Path | None,
        typer.Option(
            "--head", help="Copy of heads.log, or state of a witness, that must have the same head."
        ),
    ] = None,
    key_id: Annotated[str, typer.Option("--key-id", help="Id of the key that must have signed.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Check a proof, without the service and without a network. Exit code 1 when it does not hold.

    The signature shows that the key of the file signed the head. --head or --key-id shows whose key that is.
    """
    context = current_context(as_json)
    try:
        proof = proof_of(file.read_text(encoding="utf-8"))
    except (UnreadableProof, UnicodeDecodeError) as error:
        raise CommandFailed(ExitCode.USAGE, f"{file}: {error}") from error
    except OSError as error:
        raise CommandFailed(ExitCode.USAGE, f"{file}: {error.strerror or error}") from error
    try:
        if isinstance(proof, ConsistencyProof):
            heads, facts = _checked_consistency(context, proof)
        else:
            heads, facts = _checked_inclusion(context, proof)
        for signed in heads:
            _check_signer(signed, key_id)
        if head is not None:
            _check_known(heads, head)
    except InvalidProof as error:
        raise CommandFailed(ExitCode.FAILED, f"the proof does not hold: {error}") from error
    keys = sorted({signed.key.id for signed in heads})
    if context.as_json:
        context.print_json({"holds": True, "key_ids": keys, **facts})
        return
    context.out.print("The proof holds.", style="bold green")
    if not key_id and head is None:
        context.print_note(
            f"Signed by key {' and '.join(keys)}, which the file names itself. Compare it with a copy of heads.log: "
            "--head FILE."
        )


def _checked_inclusion(
    context: CliContext, proofs: InclusionProofs
) -> tuple[list[SignedHead], dict[str, Any]]:
    """Check and show proofs of commits. Return their head and the facts for programs. Raises `InvalidProof`."""
    head = proofs.check()
    commits = [_decoded(one) for one in proofs.commits]
    number = proofs.head.signed.number
    if not context.as_json:
        context.out.print(_table(commits))
        context.out.print(f"in {head_text(number, head)}", soft_wrap=True, markup=False, highlight=False)
    facts = {
        "number": number,
        "size": head.size,
        "root": head.root.hex(),
        "signed_at": head.at.isoformat(),
        "commits": [{"position": one.position, "job_id": one.commit.job_id} for one in commits],
    }
    return [proofs.head.signed], facts


def _checked_consistency(
    context: CliContext, proof: ConsistencyProof
) -> tuple[list[SignedHead], dict[str, Any]]:
    """Check and show a proof of consistency. Return its heads and the facts for programs. Raises `InvalidProof`."""
    earlier, later = proof.check()
    numbers = (proof.earlier.signed.number, proof.later.signed.number)
    if not context.as_json:
        text = f"{head_text(numbers[1], later)}\nbegins with all commits of {head_text(numbers[0], earlier)}"
        context.out.print(text, soft_wrap=True, markup=False, highlight=False)
    return [proof.earlier.signed, proof.later.signed], {"old_size": earlier.size, "new_size": later.size}


def _decoded(proved: ProvedCommit) -> RecordedCommit:
    """Return what a proved commit says. Raises `InvalidProof` if it is not of the job that the file names."""
    try:
        recorded = decode_commit(proved.position, proved.stored_commit)
    except (DamagedCommit, UnknownEvent) as error:
        raise InvalidProof(f"the commit at position {proved.position} cannot be read: {error}") from error
    if recorded.commit.job_id != proved.job_id:
        raise InvalidProof(
            f"the commit at position {proved.position} is of job {recorded.commit.job_id}, not {proved.job_id}"
        )
    return recorded


def _check_signer(signed: SignedHead, key_id: str) -> None:
    if key_id and signed.key.id != key_id:
        raise InvalidProof(f"head {signed.number} is signed by key {signed.key.id}, not by {key_id}")


def _check_known(heads: Iterable[SignedHead], file: Path) -> None:
    """Check that a file of heads has the same ones. Raises `InvalidProof`."""
    wanted = {signed.number: signed for signed in heads}
    found = set[int]()
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    known = PublishedHead.of(line).signed
                except UnreadableHead:
                    continue
                if known.number in wanted:
                    if (known.note, known.key) != (wanted[known.number].note, wanted[known.number].key):
                        raise InvalidProof(
                            f"head {known.number} is another one in {file}: history was rewritten"
                        )
                    found.add(known.number)
    except OSError as error:
        raise CommandFailed(ExitCode.USAGE, f"{file}: {error.strerror or error}") from error
    if missing := sorted(wanted.keys() - found):
        raise InvalidProof(f"{file} has no head {missing[0]}; take a copy that has it")


def _table(commits: Iterable[RecordedCommit]) -> Table:
    """Return the commits, one per line."""
    table = Table(box=None, pad_edge=False)
    for name in ("position", "time", "job", "actor", "events"):
        table.add_column(name, no_wrap=name != "events", justify="right" if name == "position" else "left")
    for one in commits:
        commit = one.commit
        events = ", ".join(type(event).__name__ for event in commit.events)
        at = f"{commit.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        table.add_row(str(one.position), at, commit.job_id, Text(commit.command.actor), events)
    return table

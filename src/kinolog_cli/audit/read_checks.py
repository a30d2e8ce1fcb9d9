"""The check that found reads are those in the tree over reads of a signed head."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from kinolog.codec.reads.read_batches import DamagedReadBatch, decode_read_batch
from kinolog.counts import counted
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.proofs import InvalidProof, check_inclusion
from kinolog.merkle.signed_note import InvalidNote
from kinolog.reads.read import Read, ReadBatch
from kinolog_cli.audit.published import published_head
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_client import KinologClient, ProblemError
from kinolog_client.models.history import ReadInfo

MOST = 2**63 - 1
"""Greater numbers of clients are archived as this one."""


class ReadChecks:
    """Checks each batch once. A read that is not what was signed ends the command."""

    def __init__(self, client: KinologClient) -> None:
        self._client = client
        self._number = -1
        self._batch: ReadBatch | None = None
        self._proved = self._unsigned = 0
        self._head = 0

    def checked(self, found: Iterator[ReadInfo]) -> Iterator[ReadInfo]:
        """Yield the reads, each after its check. Raises `CommandFailed` for one that is not proved."""
        for read in found:
            if read.batch != self._number:
                self._number, self._batch = read.batch, self._proved_batch(read.batch)
            if self._batch is not None and not _is_of(read, self._batch):
                raise _not_proved(read.batch, "it has other reads than the service shows")
            yield read

    @property
    def summary(self) -> str:
        """How much was proved, for people."""
        rest = counted(self._unsigned, "batch", "batches")
        later = f"; {rest} not signed yet" if self._unsigned else ""
        return f"{counted(self._proved, 'batch', 'batches')} proved under head {self._head}{later}"

    def _proved_batch(self, number: int) -> ReadBatch | None:
        """Return a batch that is in the tree of a signed head; None for one that no head has yet."""
        try:
            info = self._client.prove_reads(number)
        except ProblemError as problem:
            if problem.reason != "NOT_IN_TREE":
                raise
            self._unsigned += 1
            return None
        signed = published_head(info.head).signed
        try:
            raw = base64.b64decode(info.stored_batch, validate=True)
            reads = signed.head.reads
            if reads is None:
                raise InvalidProof("the head states no reads")
            hashes = [bytes.fromhex(each) for each in info.hashes]
            check_inclusion(leaf_hash(raw), number - 1, reads.size, hashes, reads.root)
            batch = decode_read_batch(raw)
        except (InvalidNote, InvalidProof, DamagedReadBatch, binascii.Error, ValueError) as error:
            raise _not_proved(number, str(error)) from error
        self._proved += 1
        self._head = signed.number
        return batch


def _is_of(info: ReadInfo, batch: ReadBatch) -> bool:
    """Return whether a read that the service shows is that of the batch. Addresses in it are sealed."""
    if not 0 <= info.index < len(batch.reads):
        return False
    return _facts_of(batch.reads[info.index]) == (
        *(info.actor, info.api_key_id, info.client, info.kind, info.method, info.route, info.job_id),
        *(info.resource, info.offset, info.limit, info.outcome, info.times, info.size_bytes),
        *(info.first_at, info.last_at),
    )


def _facts_of(read: Read) -> tuple[Any | datetime, ...]:
    facts = read.facts
    return (
        *(
            facts.actor,
            facts.api_key_id,
            facts.client,
            facts.kind.value,
            facts.method,
            facts.route,
            facts.job_id,
        ),
        *(facts.resource, min(facts.offset, MOST), min(facts.limit, MOST), facts.outcome),
        *(read.times, min(read.size_bytes, MOST)),
        *(read.first_at, read.last_at),
    )


def _not_proved(number: int, why: str) -> CommandFailed:
    return CommandFailed(ExitCode.FAILED, f"batch {number} of the recorded reads is not proved: {why}")

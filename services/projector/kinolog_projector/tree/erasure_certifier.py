"""Signs certificates of erasures that are finished and under a signed head of the tree. See decision 143.

A job is certified when its last commit is `ErasureFinished`, a signed head has that commit, and no file of the database
holds its texts any more (`kinolog_projector.erasure.scrub`). Jobs are certified in the order of those commits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from psycopg import sql

from kinolog.codec.commits import DamagedCommit, parse_commit
from kinolog.codec.times import time_from_proto
from kinolog.counts import counted
from kinolog.merkle.erasure_certificate import MAX_JOBS, CertifiedJob, ErasureCertificate
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.proofs import InvalidProof
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import NoteKey
from kinolog.merkle.subset_proof import subset_ranges
from kinolog.ports.clock import Clock
from kinolog.process.files.head_keys import HeadKeysUnusable, read_head_keys
from kinolog.process.logs import fields
from kinolog.readmodel.database import Connection
from kinolog.v1 import event_pb2 as ev
from kinolog_projector.tree.commit_tree import CommitTree, DamagedTree, range_roots

logger = logging.getLogger(__name__)

STEP_POSITIONS = 20_000
"""Positions that are searched at once."""

CERTIFIED = sql.SQL("SELECT coalesce(max(last_position), 0) FROM kinolog.erasure_certificates")
LAST_NUMBER = sql.SQL("SELECT coalesce(max(number), 0) FROM kinolog.erasure_certificates WHERE tenant = %s")
PROJECTED = sql.SQL("SELECT position FROM projection.checkpoint")
FINISHED = sql.SQL(
    "WITH searched AS MATERIALIZED"
    " (SELECT position, job_id FROM kinolog.archive WHERE position > %s AND position <= %s)"
    " SELECT searched.position, erased.is_stored, archive.raw FROM searched CROSS JOIN LATERAL ("
    "SELECT EXISTS (SELECT FROM kinolog.erased_prompts WHERE erased_prompts.number = jobs.number) AS is_stored"
    " FROM projection.jobs WHERE jobs.id = searched.job_id AND jobs.erased AND jobs.position = searched.position"
    " LIMIT 1) AS erased JOIN kinolog.archive USING (position) ORDER BY searched.position LIMIT %s"
)
"""The last commits of erased jobs, and whether files of the database may still hold texts of the job."""
COMMITS = sql.SQL("SELECT position, raw FROM kinolog.archive WHERE position = ANY(%s::bigint[])")
ADD = sql.SQL(
    "INSERT INTO kinolog.erasure_certificates"
    " (number, tenant, erasure_id, job_ids, last_position, issued_at, public_key, note)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Erasure:
    """The finished erasure of a job: who erased it, as part of which erasure."""

    tenant: str
    erasure_id: str
    actor: str
    job: CertifiedJob


class ErasureCertifier:
    """Signs certificates, over the connection of the tree."""

    def __init__(self, connection: Connection, tree: CommitTree, key_file: Path | None, clock: Clock) -> None:
        self._connection = connection
        self._tree = tree
        self._key_file = key_file
        self._clock = clock
        self._searched: int | None = None
        """Up to which position erasures are certified."""
        self._searched_head = 0
        """Number of the last head whose erasures are all certified: its signature is not checked again."""

    async def certify(self, head: SignedHead | None) -> int:
        """Certify the next erasures under a signed head. Return how many jobs. Raises `DamagedTree`."""
        if head is None or self._key_file is None or head.number == self._searched_head:
            return 0
        stated = head.head
        if self._searched is None:
            self._searched = await self._number(CERTIFIED)
        if self._searched >= stated.size:
            self._searched_head = head.number
            return 0
        until = min(stated.size, await self._number(PROJECTED), self._searched + STEP_POSITIONS)
        if until <= self._searched:
            return 0
        cursor = await self._connection.execute(FINISHED, [self._searched, until, MAX_JOBS])
        rows = [(int(at), bool(stored), bytes(raw)) for at, stored, raw in await cursor.fetchall()]
        end = next((at - 1 for at, stored, _ in rows if stored), until)
        if len(rows) == MAX_JOBS:
            end = min(end, rows[-1][0])
        found = await self._erasures([(at, raw) for at, _, raw in rows if at <= end])
        if found and not await self._sign(found, head, self._key_file):
            return 0
        self._searched = end
        return len(found)

    async def _number(self, query: sql.SQL, *values: str) -> int:
        """Return the number that a query finds; 0 for none."""
        row = await (await self._connection.execute(query, values)).fetchone()
        return 0 if row is None else int(row[0])

    async def _erasures(self, commits: Iterable[tuple[int, bytes]]) -> list[_Erasure]:
        """Return the erasures that commits finish. Others, of erasures that are not finished, are left out."""
        finished = [
            (at, raw, wire) for at, raw in commits if (wire := _parsed(at, raw)).state.erasure_finished
        ]
        begun = await self._begun({wire.previous_position for _, _, wire in finished})
        return [
            _erasure(at, raw, wire, begun[wire.job_id]) for at, raw, wire in finished if wire.job_id in begun
        ]

    async def _begun(self, positions: set[int]) -> dict[str, tuple[int, ev.Commit]]:
        """Return the commits with `Erased` by job, and their positions: these, or earlier ones of the same jobs."""
        begun = {}
        while positions:
            cursor = await self._connection.execute(COMMITS, [sorted(positions)])
            archived = {int(at): bytes(raw) for at, raw in await cursor.fetchall()}
            if missing := positions - archived.keys():
                raise DamagedTree(f"the archive lacks the commit at position {min(missing)}")
            positions = set()
            for at, raw in archived.items():
                wire = _parsed(at, raw)
                if any(event.HasField("erased") for event in wire.events):
                    begun[wire.job_id] = (at, wire)
                elif wire.previous_position:
                    positions.add(wire.previous_position)
        return begun

    async def _sign(self, found: Sequence[_Erasure], signed: SignedHead, key_file: Path) -> bool:
        """Store a certificate for each erasure. Return False if the key cannot be read.

        The signer of heads says so.
        """
        try:
            keys = (await asyncio.to_thread(read_head_keys, key_file))[:1]
        except HeadKeysUnusable:
            return False
        head = signed.head
        owner = attrgetter("tenant", "erasure_id", "actor")
        async with self._connection.transaction():
            await self._tree.lock()  # also keeps other projectors from certifying
            if await self._number(CERTIFIED) >= found[0].job.position:
                self._searched = None  # another projector has certified them
                return False
            for (tenant, erasure_id, actor), group in groupby(sorted(found, key=owner), key=owner):
                jobs = tuple(sorted((one.job for one in group), key=attrgetter("position")))
                number = await self._number(LAST_NUMBER, tenant) + 1
                certificate = ErasureCertificate(
                    number=number,
                    log=head.origin,
                    erasure_id=erasure_id,
                    tenant=tenant,
                    actor=actor,
                    issued_at=self._clock(),
                    head_number=signed.number,
                    tree_size=head.size,
                    root=head.root,
                    jobs=jobs,
                    proof=tuple(
                        await range_roots(
                            self._connection,
                            list(subset_ranges([job.position - 1 for job in jobs], head.size)),
                        )
                    ),
                )
                try:
                    certificate.check_proof()
                except InvalidProof as error:
                    raise DamagedTree(f"erasures cannot be certified: {error}") from error
                values = [
                    number,
                    tenant,
                    erasure_id,
                    [job.job_id for job in jobs],
                    jobs[-1].position,
                    certificate.issued_at,
                    NoteKey.of(keys[0]).public,
                    certificate.signed(keys),
                ]
                await self._connection.execute(ADD, values)
        logger.info(
            "%s erased; certified", counted(len(found), "job"), extra=fields("certified", jobs=len(found))
        )
        return True


def _parsed(position: int, raw: bytes) -> ev.Commit:
    try:
        wire, _ = parse_commit(raw)
    except DamagedCommit as error:
        raise DamagedTree(f"the commit at position {position} is damaged: {error}") from error
    return wire


def _erasure(position: int, raw: bytes, wire: ev.Commit, begun: tuple[int, ev.Commit]) -> _Erasure:
    erased_position, erased_commit = begun
    erased = next(event for event in erased_commit.events if event.HasField("erased"))
    finished = next(event.erasure_finished for event in wire.events if event.HasField("erasure_finished"))
    return _Erasure(
        tenant=wire.state.tenant,
        erasure_id=erased.erased.erasure_id,
        actor=erased.erased.actor,
        job=CertifiedJob(
            job_id=wire.job_id,
            erased_at=time_from_proto(erased.at),
            erased_position=erased_position,
            position=position,
            leaf=leaf_hash(raw),
            files=finished.files,
            sha256=tuple(finished.sha256),
        ),
    )

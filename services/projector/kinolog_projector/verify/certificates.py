"""Compares the certificates of erasure with the log: each holds, and no finished erasure before them lacks one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from kinolog.codec.commits import DamagedCommit, parse_commit
from kinolog.merkle.erasure_certificate import ErasureCertificate, SignedCertificate
from kinolog.merkle.signed_note import InvalidNote, NoteKey
from kinolog.readmodel.database import Connection
from kinolog_projector.verify.difference import Difference, DifferenceFound

CERTIFICATES = sql.SQL(
    "SELECT tenant, number, erasure_id, job_ids, last_position, public_key, note FROM kinolog.erasure_certificates"
    " WHERE last_position > %s ORDER BY last_position LIMIT 1"
)
HEAD_KEYS = sql.SQL("SELECT DISTINCT public_key FROM kinolog.tree_heads")
LEAVES = sql.SQL(
    "SELECT position, job_id, sha256('\\x00'::bytea || raw) FROM kinolog.archive WHERE position = ANY(%s::bigint[])"
)
UNCERTIFIED = sql.SQL(
    "SELECT listed.position, listed.id, archive.raw FROM projection.jobs AS listed"
    " JOIN kinolog.archive ON archive.position = listed.position"
    " WHERE listed.erased AND listed.position <= %s AND NOT EXISTS"
    " (SELECT FROM kinolog.erasure_certificates WHERE job_ids @> ARRAY[listed.id]) ORDER BY listed.position"
)


class CertificateComparison:
    """Compares all certificates. The connection is in a transaction that reads one state of the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.certificates = 0
        """How many were compared."""

    async def run(self) -> None:
        """Compare. Raises `DifferenceFound`."""
        cursor = await self._connection.execute(HEAD_KEYS)
        keys = {bytes(key) for (key,) in await cursor.fetchall()}
        last = 0
        while row := await (await self._connection.execute(CERTIFICATES, [last])).fetchone():
            await self._compare(row, keys)
            self.certificates += 1
            last = int(row[4])
        await self._find_uncertified(last)

    async def _compare(self, row: Sequence[Any], keys: set[bytes]) -> None:
        tenant, number, erasure_id, job_ids, last, public_key, note = row
        named = f"certificate {number} of tenant {tenant}"
        try:
            stated = SignedCertificate(number=number, key=NoteKey(bytes(public_key)), note=note).certificate
        except InvalidNote as error:
            raise _found(int(last), "", f"{named} was changed: {error}") from error
        if bytes(public_key) not in keys:
            raise _found(int(last), "", f"{named} is signed by a key that signed no head")
        jobs = [job.job_id for job in stated.jobs]
        if (stated.tenant, stated.erasure_id, jobs) != (tenant, erasure_id, job_ids):
            raise _found(int(last), "", f"{named} is stored for other jobs than it names")
        await self._compare_leaves(stated, named)

    async def _compare_leaves(self, stated: ErasureCertificate, named: str) -> None:
        cursor = await self._connection.execute(LEAVES, [[job.position for job in stated.jobs]])
        archived = {
            int(position): (job_id, bytes(leaf)) for position, job_id, leaf in await cursor.fetchall()
        }
        for job in stated.jobs:
            if archived.get(job.position) != (job.job_id, job.leaf):
                raise _found(job.position, job.job_id, f"{named} names another commit than the archive has")

    async def _find_uncertified(self, last: int) -> None:
        """Find a finished erasure that no certificate names, although later ones are certified."""
        cursor = await self._connection.execute(UNCERTIFIED, [last])
        for position, job_id, raw in await cursor.fetchall():
            try:
                wire, _ = parse_commit(bytes(raw))
            except DamagedCommit:  # named where log and archive are compared
                continue
            if wire.state.erasure_finished:
                text = "the job is erased, later ones are certified, and no certificate names it"
                raise _found(int(position), str(job_id), text)


def _found(position: int, job_id: str, text: str) -> DifferenceFound:
    return DifferenceFound(Difference(position=position, job_id=job_id, text=text))

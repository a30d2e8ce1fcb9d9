"""Hashes the addresses that commands came from, so that the database holds none of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from kinolog.job.commit import RecordedCommit
from kinolog.job.state import Job
from kinolog.job.values import Sealed
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.privacy.origin_address import ADDRESS_INDEX, address_hash, unseal_address
from kinolog.privacy.sealer import Sealer, UnsealFailed
from kinolog.process.logs import fields

logger = logging.getLogger(__name__)


class AddressHashes:
    """Returns the hashed address of each commit that has one, unless its job is erased."""

    def __init__(self, keys: ArchivableKeyStore) -> None:
        self._keys = keys
        self._secret: bytes | None = None
        self._is_reported = False

    async def of(
        self, commits: Sequence[RecordedCommit], states: Mapping[str, Job], wrapped: Mapping[str, bytes]
    ) -> dict[int, int]:
        """Return the hashes by position. `wrapped` are keys that were read already, by the id of the job.

        Raises `LogUnavailable` if the keys cannot be read.
        """
        sealed = list(_sealed_addresses(commits, states))
        if not sealed:
            return {}
        missing = {job.id: job.sealing_key_id for _, job, _ in sealed if job.id not in wrapped}
        wanted = [*missing.values(), *(() if self._secret else (ADDRESS_INDEX,))]
        found = await self._keys.get_wrapped(wanted) if wanted else {}
        secret = self._read_secret(found)
        if secret is None:
            return {}
        keys = {**wrapped, **{job: found[key] for job, key in missing.items() if key in found}}
        hashes = {}
        sealers: dict[str, Sealer | None] = {}
        for position, job, address in sealed:
            if job.id not in sealers:
                sealers[job.id] = self._sealer(job, keys.get(job.id))
            if (sealer := sealers[job.id]) is None:
                continue
            try:
                hashes[position] = address_hash(secret, job.tenant, unseal_address(address, sealer).address)
            except UnsealFailed as error:
                logger.error("an address cannot be read: %s", error, extra=fields("unreadable", job=job.id))
        return hashes

    def _read_secret(self, found: Mapping[str, bytes]) -> bytes | None:
        """Return the secret of the installation; None if it is missing or cannot be read: the rows have no address."""
        if self._secret is None and ADDRESS_INDEX in found:
            with suppress(LogUnavailable):  # another master key wraps it
                self._secret = self._keys.unwrap(ADDRESS_INDEX, found[ADDRESS_INDEX])
        if self._secret is None and not self._is_reported:
            self._is_reported = True
            logger.error(
                "commits cannot be found by address: the key %s is missing or cannot be read",
                ADDRESS_INDEX,
                extra=fields("unreadable"),
            )
        return self._secret

    def _sealer(self, job: Job, wrapped: bytes | None) -> Sealer | None:
        """Return what unseals the address; None without a key: a later commit erases the job."""
        if wrapped is None:
            return None
        try:
            return Sealer(job.id, self._keys.unwrap(job.sealing_key_id, wrapped))
        except LogUnavailable as error:
            logger.error("an address cannot be read: %s", error, extra=fields("unreadable", job=job.id))
            return None


def _sealed_addresses(
    commits: Sequence[RecordedCommit], states: Mapping[str, Job]
) -> Iterator[tuple[int, Job, Sealed]]:
    for recorded in commits:
        sealed = recorded.commit.command.origin.sealed_address
        if sealed is not None and not (job := states[recorded.commit.job_id]).erased:
            yield recorded.position, job, sealed

"""The addresses that commands came from, unsealed."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from kinolog.job.commit import RecordedCommit
from kinolog.ports.keys import KeyStore
from kinolog.privacy.origin_address import OriginAddress, unseal_address
from kinolog.privacy.sealer import Sealer, UnsealFailed
from kinolog.process.logs import fields

logger = logging.getLogger(__name__)


async def unsealed_addresses(commits: Sequence[RecordedCommit], keys: KeyStore) -> dict[int, OriginAddress]:
    """Return the addresses by position. Those of erased jobs are left out, and those that cannot be read.

    Raises `LogUnavailable` if the keys cannot be read.
    """
    sealed = [one for one in commits if one.commit.command.origin.sealed_address is not None]
    key_ids = {one.commit.job_id: one.commit.state.sealing_key_id for one in sealed}
    found = await keys.get_many(list(dict.fromkeys(key_ids.values()))) if key_ids else {}
    addresses = {}
    for recorded in sealed:
        commit = recorded.commit
        key, address = found.get(key_ids[commit.job_id]), commit.command.origin.sealed_address
        if key is None or address is None:
            continue
        try:
            addresses[recorded.position] = unseal_address(address, Sealer(commit.job_id, key))
        except UnsealFailed as error:
            extra = fields("seal_broken", job=commit.job_id)
            logger.error("cannot unseal an address: %s", error, extra=extra)
    return addresses

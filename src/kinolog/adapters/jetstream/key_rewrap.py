"""Wraps stored keys again under the first master key: bare keys of an earlier version, and all after a rotation."""

from __future__ import annotations

import asyncio
import logging

from kinolog.adapters.jetstream.keys import JetStreamKeyStore
from kinolog.counts import counted
from kinolog.ports.event_store import LogUnavailable
from kinolog.privacy.master_keys import KeyNotUnwrapped, MasterKeys, MasterKeyUnusable
from kinolog.privacy.wrapped_keys import MARK, WrappedKeyStore
from kinolog.process.logs import fields

logger = logging.getLogger(__name__)

RETRY_SECONDS = 15.0
"""Pause before an interrupted run starts again. What it has wrapped stays wrapped."""


async def rewrap_keys(store: JetStreamKeyStore, master_keys: MasterKeys) -> int:
    """Wrap every key under the first master key, the mark last. Return the number of changed keys.

    Keys can be read and erased meanwhile, and several processes may do it at the same time. Raises
    `LogUnavailable`, and `MasterKeyUnusable` if the master key of some is missing. Then nothing is marked: the mark
    would refuse the right master key.
    """
    foreign = 0

    def rewrapped(key_id: str, stored: bytes) -> bytes | None:
        nonlocal foreign
        if master_keys.is_current(stored):
            return None
        foreign += not master_keys.may_unwrap(stored)
        try:
            return master_keys.wrap(key_id, master_keys.unwrap(key_id, stored))
        except KeyNotUnwrapped as error:
            logger.error("a key cannot be wrapped again: %s", error, extra=fields("key_unreadable"))
            return None

    changed = await store.replace(lambda key_id, data: None if key_id == MARK else rewrapped(key_id, data))
    if foreign:
        raise MasterKeyUnusable(
            f"the configured master keys do not unwrap {counted(foreign, 'stored key')}: another one does. "
            "Give this process that one too, and start it again (docs/running.md, The master key)"
        )
    mark = await store.get(MARK)
    if mark is not None and not master_keys.is_current(mark):
        await store.replace(lambda key_id, data: rewrapped(key_id, data) if key_id == MARK else None)
    await WrappedKeyStore(store, master_keys).mark()
    return changed


async def rewrap_until_done(store: JetStreamKeyStore, master_keys: MasterKeys) -> None:
    """Wrap all keys under the first master key, whatever fails meanwhile. Runs beside the service.

    It ends when all keys are wrapped, or when the master key of some is missing: that is for a person.
    """
    while True:
        try:
            changed = await rewrap_keys(store, master_keys)
        except LogUnavailable as error:
            logger.warning("the keys are not all wrapped yet; retrying: %s", error, extra=fields("retry"))
            await asyncio.sleep(RETRY_SECONDS)
        except MasterKeyUnusable as error:
            logger.error("not all keys can be wrapped: %s", error, extra=fields("key_unreadable"))
            return
        except Exception as error:
            extra = fields("retry", error=type(error).__name__)
            logger.exception(
                "the keys are not all wrapped yet, and this is unexpected; retrying", extra=extra
            )
            await asyncio.sleep(RETRY_SECONDS)
        else:
            logger.info(
                "all keys are wrapped under master key %s",
                master_keys.ids[0],
                extra=fields("wrapped", keys=changed),
            )
            return

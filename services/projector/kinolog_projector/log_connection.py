"""The connection to the log of every command of the projector, and what is built on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from kinolog.adapters.jetstream.access_log import JetStreamAccessLog
from kinolog.adapters.jetstream.client.connection import Connection, connect
from kinolog.adapters.jetstream.keys import JetStreamKeyStore
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.log.raw_log import JetStreamRawLog
from kinolog.adapters.jetstream.streams import STREAMS_OF, check_streams
from kinolog.adapters.jetstream.subjects import Service
from kinolog.privacy.master_key_source import load_master_keys
from kinolog.privacy.wrapped_keys import WrappedKeyStore
from kinolog.process.main import end_this_process
from kinolog.process.settings import ProjectorSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConnection:
    """A connection to the log, and a stack that closes what is built on it."""

    client: Connection
    store: JetStreamEventStore
    raw_log: JetStreamRawLog
    keys: WrappedKeyStore
    stored_keys: JetStreamKeyStore
    """The keys in the form in which they are stored: wrapped."""
    access_log: JetStreamAccessLog
    stack: AsyncExitStack


@asynccontextmanager
async def log_connection(settings: ProjectorSettings) -> AsyncIterator[LogConnection]:
    """Connect to the log, check its streams and the master key.

    Raises `LogUnavailable`, `StreamMismatch`, `MasterKeyUnusable`.
    """
    replicas = settings.nats_replicas
    master_keys = load_master_keys(settings)
    async with AsyncExitStack() as stack:
        client = await connect(settings, Service.PROJECTOR, on_lost=end_this_process)
        stack.push_async_callback(client.close)
        await check_streams(client, replicas, STREAMS_OF[Service.PROJECTOR])
        store = JetStreamEventStore(client, replicas=replicas)
        stack.push_async_callback(store.close)
        raw_log = JetStreamRawLog(client)
        stack.push_async_callback(raw_log.close)
        stored_keys = JetStreamKeyStore(client, replicas=replicas)
        stack.push_async_callback(stored_keys.close)
        keys = WrappedKeyStore(stored_keys, master_keys)
        await keys.check()
        access_log = JetStreamAccessLog(client, replicas=replicas)
        stack.push_async_callback(access_log.close)
        yield LogConnection(
            client=client,
            store=store,
            raw_log=raw_log,
            keys=keys,
            stored_keys=stored_keys,
            access_log=access_log,
            stack=stack,
        )


@asynccontextmanager
async def raw_log_connection(settings: ProjectorSettings) -> AsyncIterator[JetStreamRawLog]:
    """Connect to a log of any version, to read its bytes. Raises `LogUnavailable`."""
    async with AsyncExitStack() as stack:
        client = await connect(settings, Service.PROJECTOR, on_lost=end_this_process)
        stack.push_async_callback(client.close)
        raw_log = JetStreamRawLog(client)
        stack.push_async_callback(raw_log.close)
        yield raw_log

"""The api process: `python -m kinolog_api.app`, or `kinolog-api`. The one place that picks implementations."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import uvloop
from pydantic import ValidationError

from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.keys import JetStreamKeyStore
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.progress import JetStreamProgressFeed
from kinolog.adapters.jetstream.streams import USED_BY, StreamMismatch, check_streams
from kinolog.adapters.jetstream.subjects import Service
from kinolog.adapters.jetstream.workers import JetStreamWorkerRegistry
from kinolog.adapters.obstore.artifacts import ObstoreArtifacts, artifacts_at
from kinolog.models.catalogue import CatalogueError, load_catalogue
from kinolog.ports.clock import system_clock
from kinolog.ports.event_store import LogUnavailable
from kinolog.process import logs, ready_line
from kinolog.process.gc_tuning import CollectionRate, collect_garbage_rarely
from kinolog.process.settings import ApiSettings
from kinolog.readmodel.postgres import PostgresReadModel
from kinolog_api.rpc.authentication import InvalidKeyFile, authenticator_for
from kinolog_api.server import ApiDependencies, ApiServer, ListenFailed

log = logging.getLogger(__name__)

NAME = "api"
GRACE_SECONDS = 5.0
"""How long calls in progress may take to end when the api stops."""

CANNOT_START = 2


class ArtifactStoreUnusable(OSError):
    """The artifact store cannot be used; says why."""


def _artifacts(url: str) -> ObstoreArtifacts:
    try:
        return artifacts_at(url)
    except (OSError, ValueError) as error:
        raise ArtifactStoreUnusable(f"KINOLOG_ARTIFACTS_URL: cannot use {url}: {error}") from error


@asynccontextmanager
async def parts_of(settings: ApiSettings) -> AsyncIterator[ApiDependencies]:
    """The real parts, connected and checked. Raises what keeps the api from starting."""
    callers = authenticator_for(settings.api_host, settings.api_key_file, settings.tenant)
    catalogue = load_catalogue(settings)
    artifacts = _artifacts(settings.artifacts_url)
    async with AsyncExitStack() as stack:
        client = await connect(settings, Service.API)
        stack.push_async_callback(client.close)
        await check_streams(client, settings.nats_replicas, USED_BY[Service.API])
        store = JetStreamEventStore(client, replicas=settings.nats_replicas)
        stack.push_async_callback(store.close)
        keys = JetStreamKeyStore(client, replicas=settings.nats_replicas)
        stack.push_async_callback(keys.close)
        progress = JetStreamProgressFeed(client)
        stack.push_async_callback(progress.close)
        workers = JetStreamWorkerRegistry(client)
        stack.push_async_callback(workers.close)
        database_url = settings.database_url.get_secret_value()
        read_model = await PostgresReadModel.connect(database_url, settings.database_pool_size, "kinolog-api")
        stack.push_async_callback(read_model.close)
        yield ApiDependencies(
            store=store,
            keys=keys,
            progress=progress,
            workers=workers,
            artifacts=artifacts,
            read_model=read_model,
            catalogue=catalogue,
            callers=callers,
            clock=system_clock,
        )


async def serve(settings: ApiSettings) -> None:
    """Serve until SIGTERM or SIGINT, then let calls in progress end."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with parts_of(settings) as parts:
        server = ApiServer(parts)
        port = await server.start(settings.api_host, settings.api_port)
        collect_garbage_rarely(CollectionRate.REQUESTS)
        target = (
            f"[{settings.api_host}]:{port}" if ":" in settings.api_host else f"{settings.api_host}:{port}"
        )
        log.info("serving", extra=logs.fields("serving", target=target))
        ready_line.announce(NAME, target=target)
        await stopping.wait()
        log.info("stopping", extra=logs.fields("stopping"))
        await server.stop(GRACE_SECONDS)


def main() -> None:
    """Serve until told to stop; the exit status is 2 when the api cannot start."""
    try:
        settings = ApiSettings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        sys.exit(_cannot_start(f"KINOLOG_{name}: {first['msg']}"))
    logs.configure(NAME, settings.log_level, settings.log_format)
    try:
        uvloop.run(serve(settings))
    except (
        InvalidKeyFile,
        CatalogueError,
        ListenFailed,
        ArtifactStoreUnusable,
        StreamMismatch,
        LogUnavailable,
    ) as error:
        sys.exit(_cannot_start(str(error)))


def _cannot_start(why: str) -> int:
    sys.stderr.write(f"kinolog-api: {why}\n")
    return CANNOT_START


if __name__ == "__main__":
    main()

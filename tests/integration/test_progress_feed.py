"""The feed of progress on a real nats-server whose stream is made again."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime

from nats.aio.client import Client

from kinolog.adapters.jetstream.client.api_request import api_request
from kinolog.adapters.jetstream.progress import JetStreamProgressFeed
from kinolog.adapters.jetstream.subjects import PROGRESS, Service
from kinolog.ports.progress import LogLevel, LogLine, ProgressUpdate
from kinolog_stack.servers.nats_server import NatsServer
from tests.fixtures.log import connected, empty_streams
from tests.fixtures.waits import WAIT_SECONDS, until

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


async def _followers(admin: Client) -> int:
    """Return how many consumers the stream has."""
    info = await api_request(admin, f"$JS.API.STREAM.INFO.{PROGRESS}")
    return int(info["state"]["consumer_count"])


async def test_a_follower_reads_a_stream_that_was_made_again(own_nats_server: NatsServer) -> None:
    """A follower misses nothing, and a later line has a later position, so that it replaces no stored line."""
    await empty_streams(own_nats_server, [PROGRESS])
    async with (
        connected(own_nats_server, Service.ADMIN) as admin,
        connected(own_nats_server, Service.API) as api,
        connected(own_nats_server, Service.WORKER) as worker,
    ):
        publisher, feed = JetStreamProgressFeed(worker), JetStreamProgressFeed(api)

        async def publish(message: str) -> None:
            line = LogLine(job_id="a" * 26, attempt=1, at=AT, level=LogLevel.INFO, message=message)
            await publisher.publish(line)

        async with aclosing(feed.follow()) as updates:

            async def next_update() -> ProgressUpdate:
                return await anext(updates)

            reading = asyncio.create_task(next_update())
            await until(lambda: _followers(admin), "the follower reads")
            for number in range(3):
                await publish(f"old {number}")
            async with asyncio.timeout(WAIT_SECONDS):
                first = await reading
                old = [first, await anext(updates), await anext(updates)]
            lines = [line for line in old if isinstance(line, LogLine)]
            assert [line.message for line in lines] == ["old 0", "old 1", "old 2"]

            reading = asyncio.create_task(next_update())
            await empty_streams(own_nats_server, [PROGRESS])
            await publish("new")
            async with asyncio.timeout(WAIT_SECONDS):
                update = await reading
            assert isinstance(update, LogLine)
            assert update.message == "new"
            assert update.sequence > lines[-1].sequence
        await publisher.close()
        await feed.close()

"""Create missing streams and check existing ones: `python -m kinolog.adapters.jetstream.provision`.

The command needs the administrator's NATS user. A second run changes nothing. A stream with a different setting is
named with that setting and not changed; the exit status is 1. KINOLOG_QUEUE_MODEL_CLASSES names classes of models whose
queues it creates too.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Iterable
from functools import partial

from nats.aio.client import Client
from nats.js.api import StreamConfig
from pydantic import ValidationError

from kinolog.adapters.jetstream.client.api_request import STREAM_NAME_IN_USE, JetStreamApiError, api_request
from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.client.retry import retry_until_answered
from kinolog.adapters.jetstream.queue.lane_consumers import LaneConsumers
from kinolog.adapters.jetstream.queue.ticket_queue import ACK_WAIT_SECONDS, LANE_TOKENS, MAX_DELIVERIES
from kinolog.adapters.jetstream.streams import StreamMismatch, StreamMissing, check_stream, stream_configs
from kinolog.adapters.jetstream.subjects import PROGRESS, READS, Service
from kinolog.ports.event_store import LogUnavailable
from kinolog.process.main import refuse_arguments
from kinolog.process.settings import AdminSettings, describe_invalid_setting

logger = logging.getLogger(__name__)

CREATE_SECONDS = 30.0
"""How long the servers of a starting cluster may take to form it."""


async def provision(client: Client, replicas: int, names: Iterable[str] | None = None) -> list[str]:
    """Create missing streams and check the others. Return the names of the created streams.

    `names` limits it to some streams. Raises `StreamMismatch`, `LogUnavailable`.
    """
    created = []
    configs = stream_configs(replicas)
    for name in names or configs:
        config = configs[name]
        try:
            await retry_until_answered(partial(check_stream, client, config), CREATE_SECONDS)
        except StreamMissing:
            await _create(client, config)
            created.append(name)
    return created


async def provision_queues(client: Client, model_classes: Iterable[str]) -> list[str]:
    """Create the consumers of classes of models that no worker has served yet. Return the names of the created ones.

    What is there stays as it is: workers set it. Raises `LogUnavailable`.
    """
    consumers = LaneConsumers(
        client, LANE_TOKENS, ack_wait_seconds=ACK_WAIT_SECONDS, max_deliveries=MAX_DELIVERIES
    )
    return [
        name
        for model_class in model_classes
        for name in await retry_until_answered(partial(consumers.create_missing, model_class), CREATE_SECONDS)
    ]


async def replace_stream(client: Client, name: str, replicas: int) -> None:
    """Delete a stream with everything in it, and create it empty. Needs the administrator's user.

    Raises `StreamMismatch`, `LogUnavailable`.
    """
    await retry_until_answered(partial(api_request, client, f"$JS.API.STREAM.DELETE.{name}"), CREATE_SECONDS)
    await provision(client, replicas, [name])


async def _create(client: Client, config: StreamConfig) -> None:
    """Create a stream and check it: an older server ignores settings that it does not know."""
    request = config.as_dict() | _first_position(config)

    async def create() -> None:
        try:
            await api_request(client, f"$JS.API.STREAM.CREATE.{config.name}", request)
        except JetStreamApiError as error:
            if error.number != STREAM_NAME_IN_USE:  # another process has created it meanwhile
                raise

    await retry_until_answered(create, CREATE_SECONDS)
    await retry_until_answered(partial(check_stream, client, config), CREATE_SECONDS)
    logger.info("created stream %s", config.name)


def _first_position(config: StreamConfig) -> dict[str, int]:
    """Return where the positions of a new stream begin.

    Log lines and reads are stored by their position in PROGRESS and READS, which outlives the stream in Postgres. The
    time in microseconds is after every position of an earlier stream, so that nothing takes the place of what is old.
    """
    return {"first_seq": time.time_ns() // 1_000} if config.name in (PROGRESS, READS) else {}


async def _run(settings: AdminSettings) -> list[str]:
    client = await connect(settings, Service.ADMIN)
    try:
        streams = await provision(client, settings.nats_replicas)
        return streams + await provision_queues(client, settings.queue_model_classes)
    finally:
        await client.close()


def main() -> None:
    """Provision the server of the settings. Exits with status 1 if that fails."""
    refuse_arguments("provision", "Creates missing streams and checks the others.")
    try:
        settings = AdminSettings()
    except ValidationError as error:
        sys.exit(f"provision: {describe_invalid_setting(error)}")
    logging.basicConfig(level=settings.log_level, stream=sys.stderr, format="%(levelname)s %(message)s")
    try:
        created = asyncio.run(_run(settings))
    except (StreamMismatch, LogUnavailable) as error:
        sys.exit(f"provision: {error}")
    print(f"streams are as they must be; created: {', '.join(created) or 'none'}")


if __name__ == "__main__":
    main()

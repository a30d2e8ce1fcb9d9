"""Consumers on the server: create them, and acknowledge their messages."""

from __future__ import annotations

import contextlib
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from kinolog.adapters.jetstream.client.api_request import NO_ANSWER, api_request


async def create_consumer(
    client: Client, stream: str, name: str, filter_subject: str = "", **config: object
) -> dict[str, Any]:
    """Create a consumer, or leave one with the same settings as it is. Return the server's description of it.

    `config` holds further settings of the JetStream API. Raises `JetStreamApiError`, `LogUnavailable`.
    """
    subject = f"$JS.API.CONSUMER.CREATE.{stream}.{name}"
    settings: dict[str, object] = {"name": name, **config}
    if filter_subject:
        subject = f"{subject}.{filter_subject}"
        settings["filter_subject"] = filter_subject
    return await api_request(client, subject, {"stream_name": stream, "config": settings})


async def create_durable_consumer(
    client: Client,
    stream: str,
    name: str,
    filter_subject: str = "",
    *,
    ack_wait_seconds: float,
    **config: object,
) -> str:
    """Create a durable consumer with explicit acknowledgement. Return its name. Raises as `create_consumer`."""
    await create_consumer(
        client,
        stream,
        name,
        filter_subject,
        durable_name=name,
        ack_policy="explicit",
        ack_wait=nanoseconds(ack_wait_seconds),
        **config,
    )
    return name


async def acknowledge(message: Msg) -> None:
    """Acknowledge a message. Never raises: the server delivers it again if the acknowledgement is lost."""
    with contextlib.suppress(nats.errors.Error, *NO_ANSWER):
        await message.ack()


def nanoseconds(seconds: float) -> int:
    """Return a duration as the JetStream API writes it."""
    return int(seconds * 1e9)

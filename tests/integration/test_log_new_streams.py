"""Reads of a stream that a cluster has just made, through each of its servers."""

from __future__ import annotations

from kinolog.adapters.jetstream.client.stored_messages import StoredMessageReader
from kinolog.adapters.jetstream.provision import provision
from kinolog.adapters.jetstream.streams import stream_configs
from kinolog.adapters.jetstream.subjects import Service
from tests.fixtures.log import connected, delete_stream, settings_of
from tests.fixtures.nats_cluster import NatsCluster

ROUNDS = 5


async def test_a_new_stream_is_read_at_once(nats_cluster: NatsCluster) -> None:
    """A server that does not know yet who answers for the stream is asked again: no read fails.

    Without that about one read in ten failed.
    """
    replicas = settings_of(nats_cluster, Service.ADMIN).nats_replicas
    async with (
        connected(nats_cluster, Service.ADMIN) as maker,
        connected(nats_cluster, Service.ADMIN) as reader,
    ):
        for _ in range(ROUNDS):
            for name in stream_configs(replicas):
                await delete_stream(maker, name)
                await provision(maker, replicas, [name])
                stored = StoredMessageReader(reader, name)
                assert (await stored.after(0)).messages == []
                await stored.close()

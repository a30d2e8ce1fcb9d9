"""Adapters on NATS JetStream: log, queue, progress, keys and workers."""

from kinolog.adapters.jetstream.websocket_library import import_nats_without_websockets

import_nats_without_websockets()  # before any module here imports nats

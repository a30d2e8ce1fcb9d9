"""Adapters on NATS JetStream: log, queue, progress, keys and workers."""

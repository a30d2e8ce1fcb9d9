"""Pauses of the queue in REST responses."""

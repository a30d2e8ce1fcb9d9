"""The types of events that webhooks are called for."""

from __future__ import annotations

from enum import StrEnum


class WebhookEvent(StrEnum):
    """Types of events that webhooks are called for."""

    STARTED = "job.started"
    COMPLETED = "job.completed"
    FAILED = "job.failed"
    CANCELLED = "job.cancelled"
    ERASED = "job.erased"


ENDS = frozenset({WebhookEvent.COMPLETED, WebhookEvent.FAILED, WebhookEvent.CANCELLED})
"""What webhooks are called for unless their events are named."""

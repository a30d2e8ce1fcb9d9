"""Bodies of requests about pauses of the queue."""

from __future__ import annotations

from pydantic import Field

from kinolog_gateway.requests.value_types import Priority, RequestModel, Text


class ResumeQueueBody(RequestModel):
    """Which pause to end."""

    priority: Priority | None = Field(None, description="The priority; null for all pauses.")


class PauseQueueBody(RequestModel):
    """What to pause, and why."""

    priority: Priority | None = Field(None, description="The priority; null for the whole queue.")
    reason: Text | None = Field(None, description="Why, in words. Every tenant reads it.", max_length=200)

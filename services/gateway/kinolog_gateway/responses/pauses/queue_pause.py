"""Pauses of the queue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import Field

from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.enum_names import priority_name, to_datetime
from kinolog_gateway.responses.job_parts import ResponseModel


class QueuePauseView(ResponseModel):
    """A pause that stands: no job of its priority starts, or of any."""

    priority: str | None = Field(description="The priority; null for the whole queue.", examples=["low"])
    paused_at: datetime
    reason: str = Field(description="Why, in words; may be empty.")
    paused_by: str = Field(description="Who made it. Empty for a caller who is no operator.")


class QueuePauseListView(ResponseModel):
    """The pauses of the queue that stand: that of the whole queue first."""

    pauses: list[QueuePauseView]

    @classmethod
    def of(cls, pauses: Iterable[pb.QueuePause]) -> QueuePauseListView:
        """Return the view of pauses."""
        return cls(
            pauses=[
                QueuePauseView(
                    priority=priority_name(pause.priority) if pause.priority else None,
                    paused_at=to_datetime(pause.paused_at),
                    reason=pause.reason,
                    paused_by=pause.paused_by,
                )
                for pause in pauses
            ]
        )

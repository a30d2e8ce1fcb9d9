"""The body of POST /api/v1/tickets."""

from __future__ import annotations

from pydantic import Field

from kinolog_gateway.http import text_patterns
from kinolog_gateway.requests.value_types import RequestModel


class TicketRequest(RequestModel):
    """What a ticket is for."""

    job_id: str | None = Field(
        None,
        pattern=text_patterns.ID,
        description="The job whose files it reads. Without it the ticket opens one connection of live updates.",
        examples=["abcdefghijklmnopqrstuvwxyz"],
    )
    valid_seconds: int | None = Field(
        None,
        ge=1,
        le=86_400,
        strict=True,
        description="Seconds until it expires: 600 for files, which may have 86,400, and 30 for live updates, "
        "which may have 300.",
    )

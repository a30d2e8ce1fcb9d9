"""Query strings of questions about the commits of all jobs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kinolog_gateway.requests.queries import MinPosition
from kinolog_gateway.requests.value_types import RequestModel, Text

MAX_POSITION = 2**63 - 1

Question = Annotated[Text, Field(max_length=4000)]


class EventsQuery(RequestModel):
    """A question, and a page of its answer."""

    query: Question = Field(
        "",
        description="Conditions that a commit must all meet. Empty for all commits.",
        examples=["actor=alice since=7d event=cancelled"],
    )
    limit: int = Field(100, ge=1, le=1000, description="Most commits in the page.")
    oldest_first: bool = Field(False, description="Whether the oldest commits come first.")
    after: int = Field(
        0, ge=0, le=MAX_POSITION, description="next_position of the page before; 0 for the first page."
    )
    min_position: MinPosition = Field(0, description="Wait until the answer contains this position.")


class ReadsQuery(RequestModel):
    """A question about reads, and a page of its answer."""

    query: Question = Field(
        "",
        description="Conditions that a read must all meet. Empty for all reads.",
        examples=["actor=alice since=7d kind=file"],
    )
    limit: int = Field(100, ge=1, le=1000, description="Most reads in the page.")
    oldest_first: bool = Field(False, description="Whether the oldest reads come first.")
    after: Annotated[Text, Field(max_length=64)] = Field(
        "", description="next_cursor of the page before; empty for the first page."
    )


class CommandsQuery(RequestModel):
    """A question whose commits are counted."""

    query: Question = Field(
        "",
        description="Conditions that a commit must all meet. Empty for all commits.",
        examples=["since=7d"],
    )
    limit: int = Field(100, ge=1, le=1000, description="Most rows in the answer.")
    min_position: MinPosition = Field(0, description="Wait until the answer contains this position.")

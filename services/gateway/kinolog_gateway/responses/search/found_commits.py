"""Commits of many jobs, and who sent which commands."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kinolog.v1 import audit_service_pb2 as audit
from kinolog_gateway.enum_names import time_field
from kinolog_gateway.responses.history import CommitView, commit_view
from kinolog_gateway.responses.job_parts import ResponseModel


class FoundCommitView(CommitView):
    """A commit, and the job that it is of."""

    job_id: str
    model: str = Field(description="Model of the job.")


class FoundCommitsView(ResponseModel):
    """A page of the commits that a question asks for."""

    commits: list[FoundCommitView]
    next_position: int | None = Field(
        description="Value of `after` for the next page; null if no more commits follow."
    )
    position: int = Field(description="Up to which position commits were searched.")


class CommandCountView(ResponseModel):
    """The commits of an actor with a command."""

    actor: str
    command: str
    commits: int = Field(description="How many there are.")
    first_at: datetime | None = Field(description="When the first was decided.")
    last_at: datetime | None = Field(description="When the last was decided.")
    first_position: int
    last_position: int


class CommandCountsView(ResponseModel):
    """Who sent which commands, most commits first."""

    counts: list[CommandCountView]


def found_commits_view(answer: audit.SearchEventsResponse) -> FoundCommitsView:
    """Return a page of commits."""
    return FoundCommitsView(
        commits=[
            FoundCommitView(job_id=found.job_id, model=found.model, **dict(commit_view(found.commit)))
            for found in answer.commits
        ],
        next_position=answer.next_position or None,
        position=answer.position,
    )


def command_counts_view(answer: audit.CountCommandsResponse) -> CommandCountsView:
    """Return who sent which commands."""
    return CommandCountsView(
        counts=[
            CommandCountView(
                actor=count.actor,
                command=count.command,
                commits=count.commits,
                first_at=time_field(count, "first_at"),
                last_at=time_field(count, "last_at"),
                first_position=count.first_position,
                last_position=count.last_position,
            )
            for count in answer.counts
        ]
    )

"""Who read what."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kinolog.v1 import audit_service_pb2 as audit
from kinolog_gateway.enum_names import read_kind_name, time_field
from kinolog_gateway.responses.job_parts import ResponseModel


class FoundReadView(ResponseModel):
    """A read, or several equal ones within some seconds."""

    batch: int = Field(description="Number of its batch in the record of reads.")
    index: int = Field(description="Its place in the batch.")
    first_at: datetime | None = Field(description="When the first began.")
    last_at: datetime | None = Field(description="When the last began.")
    times: int = Field(description="How many equal reads they were.")
    actor: str
    api_key_id: str = Field(description="Id of the API key; empty for other keys.")
    client: str = Field(description="Program of the caller; empty if it did not name one.")
    address: str = Field(description="From where it came; empty if that is not known, or its key is deleted.")
    via: str = Field(description="Address of the gateway that named the address.")
    kind: str = Field(description="What was read: file, text, record or other.")
    method: str = Field(description="Name of the gRPC method.")
    route: str = Field(description="Method and path template of the HTTP request; empty for a direct call.")
    job_id: str = Field(description="The job; empty if the read was not of one job.")
    resource: str = Field(description="What of the job, such as video or scene/2.")
    offset: int = Field(description="Offset of the first byte that was asked for.")
    limit: int = Field(description="The most bytes that were asked for; 0 for all.")
    size_bytes: int = Field(description="Bytes of answers that were sent, all together.")
    outcome: str = Field(
        description="How it ended: ok, or the name of an error; started for a stream that may go on; lost for reads of "
        "which only the number is known."
    )


class FoundReadsView(ResponseModel):
    """A page of the reads that a question asks for."""

    reads: list[FoundReadView]
    next_cursor: str | None = Field(
        description="Value of `after` for the next page; null if no more reads follow."
    )


def found_reads_view(answer: audit.SearchReadsResponse) -> FoundReadsView:
    """Return a page of reads."""
    return FoundReadsView(reads=list(map(_view, answer.reads)), next_cursor=answer.next_cursor or None)


def _view(found: audit.FoundRead) -> FoundReadView:
    read = found.read
    return FoundReadView(
        batch=found.batch,
        index=found.index,
        first_at=time_field(read, "first_at"),
        last_at=time_field(read, "last_at"),
        times=read.times,
        actor=read.actor,
        api_key_id=read.api_key_id,
        client=read.client,
        address=found.address,
        via=found.via,
        kind=read_kind_name(read.kind),
        method=read.method,
        route=read.route,
        job_id=read.job_id,
        resource=read.resource,
        offset=read.offset,
        limit=read.limit,
        size_bytes=read.bytes,
        outcome=read.outcome,
    )

"""A read, and the batches in which reads are stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kinolog.job.values import Sealed


class ReadKind(StrEnum):
    """What a read was of. The value is the word in questions."""

    FILE = "file"
    """A file of a job, an export of its video, or its live video."""
    TEXT = "text"
    """Texts of users, such as prompts."""
    RECORD = "record"
    """Histories, questions, exports and bundles of the log, and the record of reads itself."""
    OTHER = "other"


STARTED = "started"
"""Outcome of a stream that may go on without end, noted when it begins."""
OK = "ok"
LOST = "lost"
"""Outcome of reads that were noted and could not be stored. Their number is known, and nothing else of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFacts:
    """What tells reads of a batch apart: equal ones are stored once, with their number."""

    actor: str
    api_key_id: str = ""
    client: str = ""
    kind: ReadKind
    method: str
    """Name of the gRPC method."""
    route: str = ""
    """Method and path template of the HTTP request, as a gateway states it."""
    job_id: str = ""
    resource: str = ""
    """What of the job, such as `video` or `scene/2`."""
    offset: int = 0
    limit: int = 0
    """The most bytes that were asked for; 0 for all."""
    outcome: str = OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Equal reads of a batch: how many, when, how many bytes the api sent, and from which address."""

    facts: ReadFacts
    first_at: datetime
    last_at: datetime
    times: int = 1
    size_bytes: int = 0
    sealed_address: Sealed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBatch:
    """Reads of one tenant that one api process noted within some seconds."""

    tenant: str
    recorder: str
    number: int
    """Of the batch among those of the recorder, from 1."""
    reads: tuple[Read, ...]
    at: datetime
    address_key: str = ""
    """Id of the key under which the addresses are sealed; empty if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedReadBatch:
    """A batch as the stream holds it."""

    position: int
    batch: ReadBatch
    raw: bytes

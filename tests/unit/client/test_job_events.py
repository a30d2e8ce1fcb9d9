"""The typed events of a replay have what the log records."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from kinolog.v1 import event_pb2, job_pb2
from kinolog_client import replay
from kinolog_client.replay.commit_lines import CommitLines
from kinolog_client.replay.event_decoding import event_of
from kinolog_client.replay.job_events import EVENT_TYPES
from kinolog_client.replay.recorded_values import RecordedError, RecordedFile, RecordedMedia, RecordedSpec

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
LINE = (
    '{"specversion":"1.0","id":"7-0","source":"kinolog-log/0","type":"kinolog.job.%s","subject":"job",'
    '"time":"2026-11-28T12:00:00Z","recordedtime":"2026-11-28T12:00:00Z","position":"%d","jobversion":1,'
    '"tenant":"t","actor":"a","command":"c","data":{}}\n'
)


def _fields(message: Any) -> set[str]:
    """Return the fields of a message that an export has: without what is sealed."""
    return {
        field.name
        for field in message.DESCRIPTOR.fields
        if field.message_type is None or field.message_type.name != "Sealed"
    }


def test_every_event_of_the_log_has_a_class_with_its_fields() -> None:
    """A new event, or a new field, is added to `kinolog_client.replay` too."""
    kinds = event_pb2.Event.DESCRIPTOR.oneofs_by_name["kind"].fields
    assert {kind.name for kind in kinds} == set(EVENT_TYPES)
    for kind in kinds:
        message = getattr(event_pb2, EVENT_TYPES[kind.name].__name__.removesuffix("Event"))
        own = {field.name for field in fields(EVENT_TYPES[kind.name])} - {"at", "texts"}
        assert own == _fields(message), kind.name
        assert EVENT_TYPES[kind.name].__name__ in replay.__all__
    for value, message in (
        (RecordedSpec, event_pb2.StoredSpec),
        (RecordedFile, job_pb2.Artifact),
        (RecordedMedia, job_pb2.MediaFacts),
        (RecordedError, job_pb2.JobError),
    ):
        assert is_dataclass(value)
        assert {field.name for field in fields(value)} == _fields(message)


def test_values_get_their_types() -> None:
    """Times, files, numbers; what a log of an earlier version lacks has a default, and what is new is passed over."""
    queued = event_of("queued", AT, {"attempt": 2, "not_before": "2026-11-28T13:00:00Z", "later": 1})
    assert queued == replay.QueuedEvent(at=AT, attempt=2, not_before=datetime(2026, 11, 28, 13, tzinfo=UTC))
    completed = event_of("completed", AT, {"artifacts": [{"kind": "video"}], "gpu_seconds": 2})
    assert isinstance(completed, replay.CompletedEvent)
    assert completed.artifacts == (RecordedFile(kind="video"),)
    assert type(completed.gpu_seconds) is float
    submitted = event_of("submitted", AT, {"spec": {"model": "m", "sigmas": [1.0]}, "texts": {"prompt": "p"}})
    assert isinstance(submitted, replay.SubmittedEvent)
    assert (submitted.spec.sigmas, submitted.texts) == ((1.0,), {"prompt": "p"})
    unknown = event_of("danced", AT, {"a": 1})
    assert unknown == replay.UnknownJobEvent(at=AT, name="danced", data={"a": 1})


def test_lines_become_commits() -> None:
    """A commit is whole when another begins. Lines of events that are not wanted are not parsed."""
    lines = CommitLines(frozenset({"queued"}))
    queued = [(LINE % ("queued", position)).encode() for position in (7, 7, 8)]
    assert lines.add(queued[0]) == lines.add(queued[1]) == lines.add(b"\n") == []
    assert lines.add(LINE.replace("{}", "{").encode() % (b"completed", 8)) == []
    (commit,) = lines.add(queued[2])
    assert (commit.position, len(commit.events), commit.tenant, commit.hash) == (7, 2, "t", "")
    assert [one.position for one in lines.end()] == [8]
    assert lines.end() == []


@pytest.mark.parametrize(
    "line", [b"{}\n", b"text\n", b'{"position": "x"}\n', b"[]\n", b'{"position": "7"}\n']
)
def test_other_lines_are_refused(line: bytes) -> None:
    lines = CommitLines()
    with pytest.raises(ValueError, match="this is no event of an export"):
        _ = [*lines.add(line), *lines.end()]

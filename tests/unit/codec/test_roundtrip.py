"""Encoded events and commits decode to the same."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from kinolog.codec.commits import DamagedCommit, decode_commit, encode_commit, parse_commit
from kinolog.codec.enums import UnknownEvent
from kinolog.codec.events import event_from_proto, event_to_proto
from kinolog.codec.progress import decode_progress_update
from kinolog.codec.state import state_from_proto
from kinolog.command_handler import CommandHandler
from kinolog.job.commands import Submit
from kinolog.job.events import Event
from kinolog.v1 import event_pb2, job_pb2
from tests.strategies import START, events, kinds_of_event, submits

LATER: Any = 99
"""A number that is in no enum."""


def test_every_type_of_event_is_generated() -> None:
    """The strategies have one for each member of the union, so that no event type goes untested."""
    first = settings(max_examples=1, phases=[Phase.generate])  # which is not made smaller
    generated = [type(find(kind, lambda event: True, settings=first)) for kind in kinds_of_event]
    assert sorted(generated, key=str) == sorted(get_args(Event), key=str)


@given(events)
def test_every_event_survives_the_wire(event: Event) -> None:
    """An event equals its decoded proto message."""
    assert event_from_proto(event_pb2.Event.FromString(event_to_proto(event).SerializeToString())) == event


@given(submits, st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_is_found(submit: Submit, place: int, change: int) -> None:
    """Whichever byte of a stored commit changes, reading it raises DamagedCommit or gives the same commit."""
    commit = CommandHandler(None, lambda: START).decide_from("job", None, submit)  # type: ignore[arg-type]  # stores nothing
    assert commit is not None
    raw = bytearray(encode_commit(commit).raw)
    raw[place % len(raw)] ^= change
    with pytest.raises(DamagedCommit):
        parse_commit(bytes(raw))


@given(submits)
def test_the_tenant_of_a_commit_is_that_of_its_state(submit: Submit) -> None:
    """It is told before the state is decoded, and afterwards."""
    commit = CommandHandler(None, lambda: START).decide_from("job", None, submit)  # type: ignore[arg-type]  # stores nothing
    assert commit is not None
    decoded = decode_commit(7, encode_commit(commit).raw).commit
    assert decoded.tenant == commit.tenant == submit.tenant
    assert decoded.state.tenant == submit.tenant
    assert decoded.tenant == submit.tenant


@pytest.mark.parametrize(
    "message",
    [
        event_pb2.ProgressMessage(progress=job_pb2.Progress(job_id="job", stage=LATER)),
        event_pb2.ProgressMessage(log=job_pb2.LogEntry(job_id="job", level=LATER)),
        event_pb2.ProgressMessage(),
    ],
)
def test_progress_of_a_later_version_is_skipped(message: event_pb2.ProgressMessage) -> None:
    """An update with an unknown kind, stage or level is None, so that it does not end a follower."""
    assert decode_progress_update(message.SerializeToString()) is None


@pytest.mark.parametrize(
    "event",
    [
        event_pb2.Event(),
        event_pb2.Event(queued=event_pb2.Queued(priority=LATER)),
        event_pb2.Event(reprioritized=event_pb2.Reprioritized(priority=LATER)),
        event_pb2.Event(stage_started=event_pb2.StageStarted(stage=LATER)),
        event_pb2.Event(stage_finished=event_pb2.StageFinished(stage=LATER)),
        event_pb2.Event(scene_rendered=event_pb2.SceneRendered(artifact=job_pb2.Artifact(kind=LATER))),
    ],
)
def test_an_event_of_a_later_version_is_refused(event: event_pb2.Event) -> None:
    """An event of no known kind, or with a value that is not known, raises UnknownEvent: it is not skipped."""
    with pytest.raises(UnknownEvent, match="upgrade"):
        event_from_proto(event)


@pytest.mark.parametrize("state", [{"status": LATER}, {"status": 1, "priority": LATER}])
def test_a_state_of_a_later_version_is_refused(state: dict[str, Any]) -> None:
    """A status or priority that is not known raises UnknownEvent."""
    with pytest.raises(UnknownEvent, match="upgrade"):
        state_from_proto(event_pb2.JobState(**state))

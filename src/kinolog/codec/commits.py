"""Encode and decode commits: the domain and the bytes in the log."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Generic, TypeVar, cast

from google.protobuf.message import DecodeError, Message

from kinolog.codec.events import event_from_proto, event_to_proto
from kinolog.codec.state import state_from_proto, state_to_proto
from kinolog.codec.times import time_from_proto, time_to_proto
from kinolog.codec.values import sealed_from_proto, sealed_to_proto
from kinolog.job.commands import NO_ORIGIN, CommandOrigin
from kinolog.job.commit import CommandFacts, Commit, RecordedCommit
from kinolog.job.events import StoryboardPlanned, Submitted
from kinolog.job.state import Job
from kinolog.v1 import access_pb2 as ac
from kinolog.v1 import event_pb2 as ev


class DamagedCommit(ValueError):
    """Bytes in the log are not a commit, or their hash does not match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedCommitRecord:
    """A commit as the log stores it: the message, and the SHA-256 in it."""

    raw: bytes
    digest: bytes


WireT = TypeVar("WireT", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class HashedRecords(Generic[WireT]):
    """How a stream stores its commits: each as bytes, with the SHA-256 of exactly those bytes."""

    commit: type[WireT]
    stored: type[ev.StoredCommit | ac.StoredAccessCommit]
    wrong_hash: str
    no_commit: str

    def encode(self, wire: WireT) -> EncodedCommitRecord:
        """Return the message to store. The commit is serialised once."""
        body = wire.SerializeToString(deterministic=True)
        digest = sha256(body).digest()
        return EncodedCommitRecord(
            raw=self.stored(commit=body, hash=digest).SerializeToString(), digest=digest
        )

    def parse(self, raw: bytes) -> tuple[WireT, bytes]:
        """Return the commit message and its verified hash. Raises `DamagedCommit`."""
        try:
            stored = self.stored.FromString(raw)
            if sha256(stored.commit).digest() != stored.hash:
                raise DamagedCommit(self.wrong_hash)
            return self.commit.FromString(stored.commit), stored.hash
        except DecodeError as error:
            raise DamagedCommit(self.no_commit) from error


_RECORDS = HashedRecords(
    commit=ev.Commit,
    stored=ev.StoredCommit,
    wrong_hash="the hash of a commit does not match its bytes",
    no_commit="the bytes in the log are not a commit",
)

_STATE = Commit.__dict__["state"]
"""The slot of `Commit.state`, which the property of `LazyCommit` hides."""


class LazyCommit(Commit):
    """A commit whose state is decoded when it is first read.

    The state is the larger part of a commit, and a reader of many commits needs the state of few.
    """

    __slots__ = ()

    @property
    def state(self) -> Job:
        """The job after the commit."""
        state = _STATE.__get__(self)
        if isinstance(state, ev.JobState):
            state = state_from_proto(state)
            _STATE.__set__(self, state)
        return cast("Job", state)

    @state.setter
    def state(self, state: Job | ev.JobState) -> None:
        _STATE.__set__(self, state)

    @property
    def tenant(self) -> str:
        """The tenant of the job. The state is not decoded for it."""
        return cast("Job | ev.JobState", _STATE.__get__(self)).tenant

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Commit):
            return NotImplemented
        return all(getattr(self, field.name) == getattr(other, field.name) for field in fields(Commit))

    __hash__ = Commit.__hash__


def encode_commit(commit: Commit) -> EncodedCommitRecord:
    """Return the message to store."""
    events = [event_to_proto(event) for event in commit.events]
    wire = ev.Commit(
        job_id=commit.job_id,
        command=command_to_proto(commit.command),
        events=events,
        state=_state_to_proto(commit, events),
        fold_version=commit.fold_version,
        version=commit.version,
        previous_position=commit.previous_position,
        previous_hash=commit.previous_hash,
    )
    time_to_proto(wire.at, commit.at)
    return _RECORDS.encode(wire)


def command_to_proto(command: CommandFacts) -> ev.Command:
    """Return the command of a commit as the log stores it."""
    origin = command.origin
    wire = ev.Command(name=command.name, id=command.id, actor=command.actor)
    if origin is not NO_ORIGIN:
        wire.api_key_id, wire.client = origin.api_key_id, origin.client
        if origin.sealed_address is not None:
            wire.sealed_address.CopyFrom(sealed_to_proto(origin.sealed_address))
    return wire


def _command_from_proto(wire: ev.Command) -> CommandFacts:
    origin = NO_ORIGIN
    if wire.api_key_id or wire.client or wire.HasField("sealed_address"):
        sealed = sealed_from_proto(wire.sealed_address) if wire.HasField("sealed_address") else None
        origin = CommandOrigin(api_key_id=wire.api_key_id, client=wire.client, sealed_address=sealed)
    return CommandFacts(name=wire.name, id=wire.id, actor=wire.actor, origin=origin)


def _state_to_proto(commit: Commit, events: Sequence[ev.Event]) -> ev.JobState:
    """Return the state. That of a first commit shares the spec and the scenes with the events: made once, not twice."""
    state = commit.state
    spec: ev.StoredSpec | None = None
    scenes: Sequence[ev.StoredScene] | None = None
    for event, wire in zip(commit.events, events, strict=True):
        if isinstance(event, Submitted) and event.spec is state.spec:
            spec = wire.submitted.spec
        elif isinstance(event, StoryboardPlanned) and event.scenes is state.scenes:
            scenes = wire.storyboard_planned.scenes
    return state_to_proto(state, spec, scenes)


def parse_commit(raw: bytes) -> tuple[ev.Commit, bytes]:
    """Return the commit message and its verified hash. Raises `DamagedCommit`."""
    return _RECORDS.parse(raw)


def decode_commit(position: int, raw: bytes) -> RecordedCommit:
    """Return the commit at `position`. Raises `DamagedCommit`, and `UnknownEvent` if a later version wrote it."""
    wire, digest = parse_commit(raw)
    return _recorded(position, raw, wire, digest)


def decode_commit_of(position: int, raw: bytes, kinds: Collection[str]) -> RecordedCommit | None:
    """Return the commit at `position` if it has an event of these kinds, such as `queued`. Raises as `decode_commit`.

    Most commits are stages of running jobs; decoding them takes five times as long as reading their kinds.
    """
    wire, digest = parse_commit(raw)
    if not any(event.WhichOneof("kind") in kinds for event in wire.events):
        return None
    return _recorded(position, raw, wire, digest)


def _recorded(position: int, raw: bytes, wire: ev.Commit, digest: bytes) -> RecordedCommit:
    commit = LazyCommit(
        job_id=wire.job_id,
        command=_command_from_proto(wire.command),
        events=tuple(map(event_from_proto, wire.events)),
        state=wire.state,  # type: ignore[arg-type]  # decoded when it is read
        fold_version=wire.fold_version,
        version=wire.version,
        previous_position=wire.previous_position,
        previous_hash=wire.previous_hash,
        at=time_from_proto(wire.at),
    )
    return RecordedCommit(position=position, commit=commit, digest=digest, raw=raw)

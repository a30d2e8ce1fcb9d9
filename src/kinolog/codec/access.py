"""Facts about API keys: the domain, the bytes in the stream ACCESS, and keys as the api shows them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kinolog.access.api_key import (
    AccessCommit,
    AccessEvent,
    ApiKey,
    ApiKeyCreated,
    ApiKeyRevoked,
    RecordedAccessCommit,
    Scope,
)
from kinolog.access.queue_pause import QueueFact
from kinolog.access.schedule import ScheduleFact
from kinolog.access.verification import VerificationFact
from kinolog.codec.audit.verifications import verification_fact_from_proto, verification_fact_to_proto
from kinolog.codec.commits import EncodedCommitRecord, HashedRecords
from kinolog.codec.enums import KnownValues, UnknownEvent
from kinolog.codec.times import time_from_proto, time_to_proto
from kinolog.codec.webhooks import (
    queue_fact_from_proto,
    queue_fact_to_proto,
    schedule_fact_from_proto,
    schedule_fact_to_proto,
    webhook_fact_from_proto,
    webhook_fact_to_proto,
)
from kinolog.v1 import access_pb2 as pb
from kinolog.v1 import event_pb2 as ev

SCOPE_TO_PROTO: dict[Scope, pb.Scope.ValueType] = {
    scope: pb.Scope.Value(f"SCOPE_{scope.name}") for scope in Scope
}
SCOPE_FROM_PROTO: dict[int, Scope] = KnownValues({number: scope for scope, number in SCOPE_TO_PROTO.items()})

_RECORDS = HashedRecords(
    commit=pb.AccessCommit,
    stored=pb.StoredAccessCommit,
    wrong_hash="the hash of a commit about an API key does not match its bytes",
    no_commit="the bytes in the stream are no commit about an API key",
)


def scopes_to_proto(scopes: Iterable[Scope]) -> list[pb.Scope.ValueType]:
    """Return the scopes as the proto files number them, in their order there."""
    return sorted(SCOPE_TO_PROTO[scope] for scope in scopes)


def scopes_from_proto(numbers: Iterable[int]) -> frozenset[Scope]:
    """Return the scopes with these numbers. Raises `UnknownEvent` for one of a later version."""
    return frozenset(SCOPE_FROM_PROTO[number] for number in numbers)


def encode_access_commit(commit: AccessCommit) -> EncodedCommitRecord:
    """Return the message to store."""
    wire = pb.AccessCommit(
        key_id=commit.key_id,
        command=ev.Command(name=commit.command, id=commit.command_id, actor=commit.actor),
        events=map(_event_to_proto, commit.events),
        previous_position=commit.previous_position,
        previous_hash=commit.previous_hash,
    )
    time_to_proto(wire.at, commit.at)
    return _RECORDS.encode(wire)


def parse_access_commit(raw: bytes) -> tuple[pb.AccessCommit, bytes]:
    """Return the commit message and its verified hash. Raises `DamagedCommit`."""
    return _RECORDS.parse(raw)


def decode_access_commit(position: int, raw: bytes) -> RecordedAccessCommit:
    """Return the commit at `position`. Raises `DamagedCommit`, and `UnknownEvent` if a later version wrote it."""
    wire, digest = parse_access_commit(raw)
    commit = AccessCommit(
        key_id=wire.key_id,
        command=wire.command.name,
        command_id=wire.command.id,
        actor=wire.command.actor,
        events=tuple(map(_event_from_proto, wire.events)),
        at=time_from_proto(wire.at),
        previous_position=wire.previous_position,
        previous_hash=wire.previous_hash,
    )
    return RecordedAccessCommit(position=position, commit=commit, digest=digest, raw=raw)


def _event_to_proto(event: AccessEvent) -> pb.AccessEvent:
    if isinstance(event, ApiKeyRevoked):
        return pb.AccessEvent(revoked=pb.ApiKeyRevoked())
    if isinstance(event, ScheduleFact):
        return schedule_fact_to_proto(event)
    if isinstance(event, QueueFact):
        return queue_fact_to_proto(event)
    if isinstance(event, VerificationFact):
        return verification_fact_to_proto(event)
    if not isinstance(event, ApiKeyCreated):
        return webhook_fact_to_proto(event)
    created = pb.ApiKeyCreated(
        tenant=event.tenant,
        actor=event.actor,
        scopes=scopes_to_proto(event.scopes),
        digest=event.digest,
        name=event.name,
    )
    if event.expires_at is not None:
        time_to_proto(created.expires_at, event.expires_at)
    return pb.AccessEvent(created=created)


def _event_from_proto(wire: pb.AccessEvent) -> AccessEvent:
    match wire.WhichOneof("kind"):
        case "created":
            created = wire.created
            return ApiKeyCreated(
                tenant=created.tenant,
                actor=created.actor,
                scopes=scopes_from_proto(created.scopes),
                digest=created.digest,
                name=created.name,
                expires_at=time_from_proto(created.expires_at) if created.HasField("expires_at") else None,
            )
        case "revoked":
            return ApiKeyRevoked()
        case _:
            fact = (
                webhook_fact_from_proto(wire)
                or schedule_fact_from_proto(wire)
                or queue_fact_from_proto(wire)
                or verification_fact_from_proto(wire)
            )
            if fact is None:
                raise UnknownEvent(
                    "this version does not know an event about API keys; upgrade it to read this stream"
                )
            return fact


def api_key_to_proto(key: ApiKey, last_used_at: datetime | None = None) -> pb.ApiKey:
    """Return a key as the api shows it: without the key, and without its hash."""
    wire = pb.ApiKey(
        key_id=key.key_id,
        tenant=key.tenant,
        actor=key.actor,
        scopes=scopes_to_proto(key.scopes),
        name=key.name,
        created_by=key.created_by,
        revoked_by=key.revoked_by,
    )
    time_to_proto(wire.created_at, key.created_at)
    for field, at in (
        ("expires_at", key.expires_at),
        ("last_used_at", last_used_at),
        ("revoked_at", key.revoked_at),
    ):
        if at is not None:
            time_to_proto(getattr(wire, field), at)
    return wire

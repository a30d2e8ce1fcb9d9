"""Batches of reads: the domain, and the bytes in the stream READS."""

from __future__ import annotations

from hashlib import sha256

from google.protobuf.message import DecodeError

from kinolog.codec.times import time_from_proto, time_to_proto
from kinolog.codec.values import sealed_from_proto, sealed_to_proto
from kinolog.reads.read import Read, ReadBatch, ReadFacts, ReadKind
from kinolog.v1 import read_pb2 as pb

KIND_TO_PROTO: dict[ReadKind, pb.ReadKind.ValueType] = {
    kind: pb.ReadKind.Value(f"READ_KIND_{kind.name}") for kind in ReadKind
}
KIND_FROM_PROTO: dict[int, ReadKind] = {number: kind for kind, number in KIND_TO_PROTO.items()}
LARGEST_NUMBER = 2**63 - 1
"""Larger numbers are read as this one: a client may ask for bytes up to 2**64 - 1, which Postgres does not store."""


class DamagedReadBatch(ValueError):
    """Bytes in the stream are no batch of reads, or their hash does not match."""


def encode_read_batch(batch: ReadBatch) -> bytes:
    """Return the message to store: the batch, and the SHA-256 of exactly its bytes."""
    wire = pb.ReadBatch(
        tenant=batch.tenant,
        recorder=batch.recorder,
        number=batch.number,
        reads=map(read_to_proto, batch.reads),
        address_key=batch.address_key,
    )
    time_to_proto(wire.at, batch.at)
    body = wire.SerializeToString(deterministic=True)
    return pb.StoredReadBatch(batch=body, hash=sha256(body).digest()).SerializeToString()


def decode_read_batch(raw: bytes) -> ReadBatch:
    """Return the batch in a message. A kind of a later version is `other`. Raises `DamagedReadBatch`."""
    try:
        stored = pb.StoredReadBatch.FromString(raw)
        if sha256(stored.batch).digest() != stored.hash:
            raise DamagedReadBatch("the hash of a batch of reads does not match its bytes")
        return _batch_from_proto(pb.ReadBatch.FromString(stored.batch))
    except DamagedReadBatch:
        raise
    except (DecodeError, ValueError, OverflowError) as error:  # also a time outside of the years 1 to 9999
        raise DamagedReadBatch("the bytes in the stream are no batch of reads") from error


def _batch_from_proto(wire: pb.ReadBatch) -> ReadBatch:
    return ReadBatch(
        tenant=wire.tenant,
        recorder=wire.recorder,
        number=wire.number,
        reads=tuple(map(_read_from_proto, wire.reads)),
        at=time_from_proto(wire.at),
        address_key=wire.address_key,
    )


def read_to_proto(read: Read) -> pb.Read:
    """Return a read as it is stored."""
    facts = read.facts
    wire = pb.Read(
        times=read.times,
        actor=facts.actor,
        api_key_id=facts.api_key_id,
        client=facts.client,
        kind=KIND_TO_PROTO[facts.kind],
        method=facts.method,
        route=facts.route,
        job_id=facts.job_id,
        resource=facts.resource,
        offset=facts.offset,
        limit=facts.limit,
        bytes=read.size_bytes,
        outcome=facts.outcome,
    )
    time_to_proto(wire.first_at, read.first_at)
    time_to_proto(wire.last_at, read.last_at)
    if read.sealed_address is not None:
        wire.sealed_address.CopyFrom(sealed_to_proto(read.sealed_address))
    return wire


def _read_from_proto(wire: pb.Read) -> Read:
    facts = ReadFacts(
        actor=wire.actor,
        api_key_id=wire.api_key_id,
        client=wire.client,
        kind=KIND_FROM_PROTO.get(wire.kind, ReadKind.OTHER),
        method=wire.method,
        route=wire.route,
        job_id=wire.job_id,
        resource=wire.resource,
        offset=min(wire.offset, LARGEST_NUMBER),
        limit=min(wire.limit, LARGEST_NUMBER),
        outcome=wire.outcome,
    )
    return Read(
        facts=facts,
        first_at=time_from_proto(wire.first_at),
        last_at=time_from_proto(wire.last_at),
        times=min(wire.times, LARGEST_NUMBER),
        size_bytes=min(wire.bytes, LARGEST_NUMBER),
        sealed_address=sealed_from_proto(wire.sealed_address) if wire.HasField("sealed_address") else None,
    )

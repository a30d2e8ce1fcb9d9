"""Facts about comparisons of everything, in the stream ACCESS, and comparisons as the api shows them."""

from __future__ import annotations

from kinolog.access.verification import (
    ComparedPart,
    FileCheck,
    Verification,
    VerificationCancelled,
    VerificationEnded,
    VerificationFact,
    VerificationStarted,
    VerificationState,
)
from kinolog.codec.enums import KnownValues
from kinolog.codec.times import time_to_proto
from kinolog.v1 import access_pb2 as pb
from kinolog.v1 import audit_service_pb2 as au

FILES_TO_PROTO: dict[FileCheck, pb.FileCheck.ValueType] = {
    FileCheck.NONE: pb.FILE_CHECK_UNSPECIFIED,
    FileCheck.SIZES: pb.FILE_CHECK_SIZES,
    FileCheck.HASHES: pb.FILE_CHECK_HASHES,
}
FILES_FROM_PROTO: dict[int, FileCheck] = KnownValues({number: one for one, number in FILES_TO_PROTO.items()})
STATE_TO_PROTO = {
    state: au.VerificationState.Value(f"VERIFICATION_STATE_{state.name}") for state in VerificationState
}


def verification_fact_to_proto(fact: VerificationFact) -> pb.AccessEvent:
    """Return the event to store."""
    match fact:
        case VerificationStarted():
            started = pb.VerificationStarted(
                verification_id=fact.verification_id, files=FILES_TO_PROTO[fact.files]
            )
            return pb.AccessEvent(verification_started=started)
        case VerificationEnded():
            ended = pb.VerificationEnded(
                verification_id=fact.verification_id,
                position=fact.position,
                seconds=fact.seconds,
                parts=map(_part_to_proto, fact.parts),
                failure=fact.failure,
            )
            return pb.AccessEvent(verification_ended=ended)
        case VerificationCancelled():
            cancelled = pb.VerificationCancelled(verification_id=fact.verification_id)
            return pb.AccessEvent(verification_cancelled=cancelled)


def verification_fact_from_proto(wire: pb.AccessEvent) -> VerificationFact | None:
    """Return the fact in a stored event; None for one of another kind."""
    match wire.WhichOneof("kind"):
        case "verification_started":
            started = wire.verification_started
            return VerificationStarted(
                verification_id=started.verification_id, files=FILES_FROM_PROTO[started.files]
            )
        case "verification_ended":
            ended = wire.verification_ended
            return VerificationEnded(
                verification_id=ended.verification_id,
                position=ended.position,
                seconds=ended.seconds,
                parts=tuple(map(_part_from_proto, ended.parts)),
                failure=ended.failure,
            )
        case "verification_cancelled":
            return VerificationCancelled(verification_id=wire.verification_cancelled.verification_id)
        case _:
            return None


def verification_to_proto(made: Verification) -> au.Verification:
    """Return a comparison as the api shows it, without its progress."""
    result = made.result or VerificationEnded(verification_id=made.verification_id)
    wire = au.Verification(
        verification_id=made.verification_id,
        files=FILES_TO_PROTO[made.files],
        state=STATE_TO_PROTO[made.state],
        started_by=made.started_by,
        position=result.position,
        seconds=result.seconds,
        parts=map(_part_to_proto, result.parts),
        failure=result.failure,
        cancelled_by=made.ended_by if made.state is VerificationState.CANCELLED else "",
    )
    time_to_proto(wire.started_at, made.started_at)
    if made.ended_at is not None:
        time_to_proto(wire.ended_at, made.ended_at)
    return wire


def _part_to_proto(part: ComparedPart) -> pb.ComparedPart:
    return pb.ComparedPart(
        name=part.name,
        count=part.count,
        unit=part.unit,
        holds=part.holds,
        position=part.position,
        job_id=part.job_id,
        detail=part.detail,
    )


def _part_from_proto(wire: pb.ComparedPart) -> ComparedPart:
    return ComparedPart(
        name=wire.name,
        count=wire.count,
        unit=wire.unit,
        holds=wire.holds,
        position=wire.position,
        job_id=wire.job_id,
        detail=wire.detail,
    )

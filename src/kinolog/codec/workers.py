"""Encode and decode reports of workers."""

from __future__ import annotations

from types import MappingProxyType

from kinolog.codec.enums import STAGE_FROM_PROTO, STAGE_TO_PROTO
from kinolog.codec.times import time_from_proto, time_to_proto
from kinolog.ports.workers import MemoryNeed, WorkerReport
from kinolog.v1 import job_pb2 as pb


def encode_report(report: WorkerReport) -> bytes:
    """Return the report as a message to publish."""
    return worker_to_proto(report).SerializeToString()


def worker_to_proto(report: WorkerReport) -> pb.Worker:
    """Return the report as a `Worker`."""
    wire = pb.Worker(
        name=report.name,
        device=report.device,
        hardware=report.hardware,
        models=report.models,
        loaded_models=report.loaded_models,
        job_id=report.job_id,
        other_job_id=report.other_job_id,
        server_job_ids=report.server_job_ids,
        attempt=report.attempt,
        stage=STAGE_TO_PROTO[report.stage] if report.stage else pb.STAGE_UNSPECIFIED,
        step=report.step,
        steps=report.steps,
        memory_used_bytes=report.memory_used_bytes,
        memory_total_bytes=report.memory_total_bytes,
        jobs_completed=report.jobs_completed,
        attempts_failed=report.attempts_failed,
        libraries=dict(report.libraries),
        problem=report.problem,
        memory_needs={
            model: pb.ModelMemoryNeed(least_bytes=need.least_bytes, bytes_per_pixel=need.bytes_per_pixel)
            for model, need in report.memory_needs.items()
        },
        codecs=report.codecs,
    )
    time_to_proto(wire.started_at, report.started_at)
    time_to_proto(wire.seen_at, report.seen_at)
    return wire


def decode_report(raw: bytes) -> WorkerReport:
    """Return the report in a message. Raises google.protobuf.message.DecodeError."""
    wire = pb.Worker.FromString(raw)
    return WorkerReport(
        name=wire.name,
        device=wire.device,
        hardware=wire.hardware,
        models=tuple(wire.models),
        loaded_models=tuple(wire.loaded_models),
        started_at=time_from_proto(wire.started_at),
        seen_at=time_from_proto(wire.seen_at),
        job_id=wire.job_id,
        other_job_id=wire.other_job_id,
        server_job_ids=tuple(wire.server_job_ids),
        attempt=wire.attempt,
        stage=STAGE_FROM_PROTO.get(wire.stage),
        step=wire.step,
        steps=wire.steps,
        memory_used_bytes=wire.memory_used_bytes,
        memory_total_bytes=wire.memory_total_bytes,
        jobs_completed=wire.jobs_completed,
        attempts_failed=wire.attempts_failed,
        libraries=MappingProxyType(dict(wire.libraries)),
        problem=wire.problem,
        memory_needs=MappingProxyType(
            {
                model: MemoryNeed(least_bytes=need.least_bytes, bytes_per_pixel=need.bytes_per_pixel)
                for model, need in wire.memory_needs.items()
            }
        ),
        codecs=tuple(wire.codecs),
    )

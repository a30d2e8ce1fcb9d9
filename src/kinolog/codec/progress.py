"""Encode and decode progress updates and the notes of log lines."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from kinolog.codec.enums import (
    LEVEL_FROM_PROTO,
    LEVEL_TO_PROTO,
    STAGE_FROM_PROTO,
    STAGE_TO_PROTO,
    UnknownEvent,
)
from kinolog.codec.times import time_from_proto, time_to_proto
from kinolog.codec.values import sealed_from_proto, sealed_to_proto
from kinolog.ports.progress import LogLine, PreviewImage, Progress, ProgressUpdate, SealedNote
from kinolog.v1 import event_pb2 as ev
from kinolog.v1 import job_pb2 as pb


def progress_to_proto(value: Progress) -> pb.Progress:
    """Return the proto message of a `Progress`."""
    wire = pb.Progress(
        job_id=value.job_id,
        attempt=value.attempt,
        stage=STAGE_TO_PROTO[value.stage],
        scene=value.scene,
        scenes=value.scenes,
        step=value.step,
        steps=value.steps,
        percent=value.percent,
        eta_seconds=value.eta_seconds,
        worker=value.worker,
    )
    time_to_proto(wire.at, value.at)
    return wire


def log_line_to_proto(value: LogLine) -> pb.LogEntry:
    """Return the proto message of a `LogLine`, without its note."""
    wire = pb.LogEntry(
        job_id=value.job_id,
        attempt=value.attempt,
        level=LEVEL_TO_PROTO[value.level],
        message=value.message,
        sequence=value.sequence,
    )
    time_to_proto(wire.at, value.at)
    return wire


def preview_to_proto(value: PreviewImage) -> pb.Preview:
    """Return the proto message of a `PreviewImage`."""
    wire = pb.Preview(
        job_id=value.job_id,
        attempt=value.attempt,
        scene=value.scene,
        step=value.step,
        media_type=value.media_type,
        image=value.image,
    )
    time_to_proto(wire.at, value.at)
    return wire


def encode_progress_update(value: ProgressUpdate) -> bytes:
    """Return the message to publish."""
    match value:
        case Progress():
            return ev.ProgressMessage(progress=progress_to_proto(value)).SerializeToString()
        case LogLine():
            note = None if value.note is None else _note_to_proto(value.note)
            return ev.ProgressMessage(log=log_line_to_proto(value), note=note).SerializeToString()
        case PreviewImage():
            sealed = None if value.sealed is None else _note_to_proto(value.sealed)
            return ev.ProgressMessage(preview=preview_to_proto(value), note=sealed).SerializeToString()


def decode_progress_update(raw: bytes, sequence: int = 0) -> ProgressUpdate | None:
    """Return the published update; None for a message that this version cannot read.

    `sequence` is the position of the message in the feed; log lines carry it.
    """
    try:
        return _update_from_proto(ev.ProgressMessage.FromString(raw), sequence)
    except (DecodeError, UnknownEvent):  # of a later version
        return None


def _update_from_proto(wire: ev.ProgressMessage, sequence: int) -> ProgressUpdate | None:
    match wire.WhichOneof("kind"):
        case "progress":
            return _progress_from_proto(wire.progress)
        case "log":
            log = wire.log
            return LogLine(
                job_id=log.job_id,
                attempt=log.attempt,
                at=time_from_proto(log.at),
                level=LEVEL_FROM_PROTO[log.level],
                message=log.message,
                sequence=sequence,
                note=_note_from_proto(wire.note) if wire.HasField("note") else None,
            )
        case "preview":
            p = wire.preview
            return PreviewImage(
                job_id=p.job_id,
                attempt=p.attempt,
                at=time_from_proto(p.at),
                scene=p.scene,
                step=p.step,
                media_type=p.media_type,
                image=p.image,
                sealed=_note_from_proto(wire.note) if wire.HasField("note") else None,
            )
        case _:
            return None


def encode_note(note: SealedNote) -> bytes:
    """Return the bytes of a note."""
    return _note_to_proto(note).SerializeToString()


def decode_note(raw: bytes) -> SealedNote:
    """Return the note in the bytes of `encode_note`."""
    return _note_from_proto(ev.SealedNote.FromString(raw))


def _note_to_proto(note: SealedNote) -> ev.SealedNote:
    return ev.SealedNote(key_id=note.key_id, text=sealed_to_proto(note.text))


def _note_from_proto(wire: ev.SealedNote) -> SealedNote:
    return SealedNote(wire.key_id, sealed_from_proto(wire.text))


def _progress_from_proto(wire: pb.Progress) -> Progress:
    return Progress(
        job_id=wire.job_id,
        attempt=wire.attempt,
        at=time_from_proto(wire.at),
        worker=wire.worker,
        stage=STAGE_FROM_PROTO[wire.stage],
        scene=wire.scene,
        scenes=wire.scenes,
        step=wire.step,
        steps=wire.steps,
        percent=wire.percent,
        eta_seconds=wire.eta_seconds if wire.HasField("eta_seconds") else None,
    )

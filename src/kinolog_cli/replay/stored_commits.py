"""Commits as the log stores them, as typed objects of the client."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC

from kinolog.codec.commits import parse_commit
from kinolog.codec.events import event_from_proto
from kinolog.codec.plain_fields import json_values
from kinolog.privacy.event_texts import unsealed_texts
from kinolog.privacy.sealer import Sealer
from kinolog.v1 import event_pb2 as ev
from kinolog_client.replay import JobEvent, ReplayedCommit
from kinolog_client.replay.event_decoding import event_of
from kinolog_client.replay.job_events import EVENT_TYPES


def commit_of(
    position: int, raw: bytes, wanted: frozenset[str], keys: Mapping[str, bytes] | None
) -> ReplayedCommit | None:
    """Return a stored commit with the wanted events, all if no name is given; None without any of them.

    `keys` of jobs unseal texts. Raises `DamagedCommit`, `UnsealFailed`.
    """
    wire, digest = parse_commit(raw)
    kinds = [event.WhichOneof("kind") or "unknown" for event in wire.events]
    chosen = [index for index, kind in enumerate(kinds) if not wanted or kind in wanted]
    if not chosen:
        return None
    before = wire.version - len(kinds)
    return ReplayedCommit(
        position=position,
        job_id=wire.job_id,
        tenant=wire.state.tenant,
        actor=wire.command.actor,
        command=wire.command.name,
        command_id=wire.command.id,
        at=wire.at.ToDatetime(tzinfo=UTC),
        version=before + chosen[-1] + 1,
        hash=digest.hex(),
        events=tuple(_event(wire, index, kinds[index], keys) for index in chosen),
    )


def _event(wire: ev.Commit, index: int, kind: str, keys: Mapping[str, bytes] | None) -> JobEvent:
    event = wire.events[index]
    at = event.at.ToDatetime(tzinfo=UTC)
    data = json_values(getattr(event, kind)) if kind != "unknown" else {}
    key = None if keys is None else keys.get(wire.job_id)
    if key is not None and kind in EVENT_TYPES:
        (data["texts"],) = unsealed_texts([event_from_proto(event)], Sealer(wire.job_id, key))
    return event_of(kind, at, data)

"""GetHistory and ReplayLog, read from the log itself."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from itertools import takewhile

from kinolog.codec.events import event_to_proto
from kinolog.codec.public_job import public_job
from kinolog.codec.times import time_to_proto
from kinolog.job.commit import RecordedCommit
from kinolog.job.events import CancelRequested
from kinolog.job.evolve import fold_commits
from kinolog.job.state import Job
from kinolog.ports.event_store import DamagedLog, EventStore
from kinolog.ports.keys import KeyStore
from kinolog.ports.read_model import ReadModel
from kinolog.privacy.origin_address import OriginAddress
from kinolog.privacy.sealed_fields import unseal_job, unseal_reason
from kinolog.privacy.sealer import UnsealFailed
from kinolog.process.logs import fields
from kinolog.v1 import audit_service_pb2 as pb
from kinolog.v1 import event_pb2
from kinolog_api.audit.command_addresses import unsealed_addresses
from kinolog_api.audit.job_owners import JobOwners
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import job_not_found
from kinolog_api.rpc.positions import require_position_in_log
from kinolog_api.rpc.validation import parse_time

logger = logging.getLogger(__name__)


class JobHistory:
    """GetHistory and ReplayLog."""

    def __init__(self, store: EventStore, keys: KeyStore, read_model: ReadModel) -> None:
        self._store = store
        self._owners = JobOwners(read_model)
        self._keys = keys

    async def get_history(self, request: pb.GetHistoryRequest, call: RpcCall) -> pb.GetHistoryResponse:
        """GetHistory: return the commits up to a time or position, and the job as it was then.

        Clocks of two machines differ: commits after the first that is too late are left out, whatever their time.
        """
        is_included = _inclusion(request)
        whole = await self.commits_of(request.job_id, call)
        last_state = whole[-1].commit.state
        history = list(takewhile(is_included, whole))
        addresses = {} if last_state.erased else await unsealed_addresses(history, self._keys)
        shown = (recorded_to_proto(one, addresses.get(one.position)) for one in history)
        wire = pb.GetHistoryResponse(commits=shown)
        job = fold_commits(recorded.commit for recorded in history)
        if job is not None:
            key = None if last_state.erased else await self._keys.get(job.sealing_key_id)  # deleted last
            _unseal_reasons(wire, history, last_state, key)
            wire.job.CopyFrom(public_job(job, history[-1].position, unseal_job(job, key)))
        return wire

    async def replay_log(
        self, request: pb.ReplayLogRequest, call: RpcCall
    ) -> AsyncGenerator[pb.ReplayLogResponse, None]:
        """ReplayLog: yield the tenant's commits as stored, prompts sealed."""
        last = await require_position_in_log(self._store, request.after, "after")
        batches = (
            self._store.read(request.after, last) if request.until_now else self._store.follow(request.after)
        )
        async with aclosing(batches):
            async for batch in batches:
                for recorded in batch:
                    if recorded.commit.tenant == call.tenant:
                        yield pb.ReplayLogResponse(
                            position=recorded.position,
                            job_id=recorded.commit.job_id,
                            stored_commit=recorded.raw,
                        )

    async def commits_of(self, job_id: str, call: RpcCall) -> list[RecordedCommit]:
        """Return the whole history of a job of the caller. Raises NOT_FOUND, also for a job of another tenant."""
        try:
            history = [recorded async for recorded in self._store.history(job_id)]
        except DamagedLog as damage:
            raise await self._owners.error_for(call.tenant, job_id, damage) from None
        if not history or history[-1].commit.tenant != call.tenant:
            raise job_not_found(job_id)
        return history


def _unseal_reasons(
    wire: pb.GetHistoryResponse, history: Sequence[RecordedCommit], now: Job, key: bytes | None
) -> None:
    """Put the reasons of cancels into the response in the clear, unless the job is erased by `now`."""
    for recorded, commit in zip(history, wire.commits, strict=True):
        for event, shown in zip(recorded.commit.events, commit.events, strict=True):
            if isinstance(event, CancelRequested):
                try:
                    reason = unseal_reason(event, now, key)
                except UnsealFailed as error:
                    logger.error("cannot unseal a reason: %s", error, extra=fields("seal_broken", job=now.id))
                    reason = ""
                shown.cancel_requested.reason = reason
                shown.cancel_requested.ClearField("sealed_reason")


def recorded_to_proto(recorded: RecordedCommit, address: OriginAddress | None = None) -> pb.RecordedCommit:
    """Return a commit for clients, with the address that it came from. Other personal data stays sealed."""
    commit, origin = recorded.commit, recorded.commit.command.origin
    wire = pb.RecordedCommit(
        position=recorded.position,
        command=event_pb2.Command(
            name=commit.command.name,
            id=commit.command.id,
            actor=commit.command.actor,
            api_key_id=origin.api_key_id,
            client=origin.client,
            address=address.address if address is not None else "",
            via=address.via if address is not None else "",
        ),
        events=map(event_to_proto, commit.events),
        version=commit.version,
        hash=recorded.digest.hex(),
        previous_hash=commit.previous_hash.hex(),
        previous_position=commit.previous_position,
    )
    time_to_proto(wire.at, commit.at)
    return wire


def _inclusion(request: pb.GetHistoryRequest) -> Callable[[RecordedCommit], bool]:
    """Return a predicate for commits up to the requested time or position."""
    match request.WhichOneof("as_of"):
        case "time":
            time: datetime = parse_time(request.time, "time")
            return lambda recorded: recorded.commit.at <= time
        case "position":
            position = request.position
            return lambda recorded: recorded.position <= position
        case _:
            return lambda recorded: True

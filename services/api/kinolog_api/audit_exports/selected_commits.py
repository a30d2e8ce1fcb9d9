"""The commits that a request selects: which may be selected, and where in the log they are."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from grpc import StatusCode

from kinolog.access.api_key import EVERY_TENANT
from kinolog.job.commit import RecordedCommit
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.tree_head import origin_of
from kinolog.ports.event_store import DamagedLog, EventStore
from kinolog.ports.read_model import ReadModel, ReadModelUnavailable
from kinolog.v1 import export_service_pb2 as pb
from kinolog_api.audit.job_owners import JobOwners
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RequestViolation, RpcError, invalid_argument, job_not_found
from kinolog_api.rpc.positions import require_position_in_log
from kinolog_api.rpc.validation import parse_time


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedCommits:
    """A selection of commits, checked. `tenant` is None for every tenant, `actor` and `job_id` empty for all."""

    first: int
    last: int
    since: datetime | None
    until: datetime | None
    actor: str
    tenant: str | None
    job_id: str

    def has(self, recorded: RecordedCommit) -> bool:
        """Return whether a commit is one of the selection."""
        commit = recorded.commit
        return (
            self.first <= recorded.position <= self.last
            and (self.since is None or commit.at >= self.since)
            and (self.until is None or commit.at < self.until)
            and self.actor in ("", commit.command.actor)
            and self.job_id in ("", commit.job_id)
            and self.tenant in (None, commit.tenant)
        )


class CommitSelections:
    """Checks selections, and reads their commits from the log."""

    def __init__(self, store: EventStore, read_model: ReadModel) -> None:
        self._store = store
        self._read_model = read_model
        self._owners = JobOwners(read_model)

    async def check(self, wire: pb.CommitSelection, call: RpcCall) -> SelectedCommits:
        """Return what a request selects. Raises `RpcError` for what the caller may not select, `LogUnavailable`."""
        tenant = _tenant(wire.tenant or call.tenant, call)
        since = parse_time(wire.since, "selection.since") if wire.HasField("since") else None
        until = parse_time(wire.until, "selection.until") if wire.HasField("until") else None
        if since is not None and until is not None and until <= since:
            raise _invalid("until", "must be later than since")
        if 0 < wire.last_position < wire.first_position:
            raise _invalid("last_position", "must not be before first_position")
        end = await require_position_in_log(self._store, wire.last_position, "selection.last_position")
        return SelectedCommits(
            first=max(wire.first_position, 1),
            last=wire.last_position or end,
            since=since,
            until=until,
            actor=wire.actor,
            tenant=tenant,
            job_id=wire.job_id,
        )

    async def source(self) -> str:
        """Return the name of the log; empty if it has no commit. Raises `LogUnavailable`, `DamagedLog`."""
        if not await self._store.last_position():
            return ""
        async with aclosing(self._store.read(0, 1)) as batches:
            async for batch in batches:
                return origin_of(leaf_hash(batch[0].raw))
        return ""

    async def read(
        self, selected: SelectedCommits
    ) -> AsyncGenerator[tuple[int, Sequence[RecordedCommit]], None]:
        """Yield positions up to which the log was read, with the commits of the selection before each.

        Raises `RpcError` if the tenant has no such job, `LogUnavailable`, `DamagedLog`.
        """
        if selected.job_id:
            yield selected.last, await self._of_job(selected)
            return
        reached = selected.first - 1
        try:
            for first, last in await self._ranges(selected):
                reached = max(reached, first - 1)
                async with aclosing(self._store.read(reached, max(last, reached))) as batches:
                    async for batch in batches:
                        reached = batch[-1].position
                        yield reached, [recorded for recorded in batch if selected.has(recorded)]
        except DamagedLog:
            if selected.tenant is None:
                raise
            message = f"the log is damaged after position {reached}; an operator finds more in the alarms"
            raise RpcError(
                StatusCode.DATA_LOSS, "DATA_DAMAGED", message
            ) from None  # it may name another tenant's job
        yield selected.last, ()

    async def _ranges(self, selected: SelectedCommits) -> list[tuple[int, int]]:
        """Return the positions that may have commits of the selection: those of its time, and those without an index.

        The read models are behind the log for a moment. Without them everything is read.
        """
        whole = [(selected.first, selected.last)] if selected.first <= selected.last else []
        if selected.since is None and selected.until is None:
            return whole
        try:
            timed = await self._read_model.positions_between(selected.since, selected.until)
        except ReadModelUnavailable:
            return whole
        found = (
            (max(timed.first, selected.first), min(timed.last, selected.last)),
            (max(timed.searched + 1, selected.first), selected.last),
        )
        return [(first, last) for first, last in found if first <= last]

    async def _of_job(self, selected: SelectedCommits) -> list[RecordedCommit]:
        try:
            history = [recorded async for recorded in self._store.history(selected.job_id)]
        except DamagedLog as damage:
            if selected.tenant is None:
                raise
            raise await self._owners.error_for(selected.tenant, selected.job_id, damage) from None
        if not history or selected.tenant not in (None, history[-1].commit.tenant):
            raise job_not_found(selected.job_id)
        return [recorded for recorded in history if selected.has(recorded)]


def _tenant(tenant: str, call: RpcCall) -> str | None:
    """Return the tenant whose commits are selected; None for every one. Raises `RpcError` if the caller may not."""
    if tenant != call.tenant and not call.every_tenant:
        named = "every tenant" if tenant == EVERY_TENANT else f"tenant {tenant}"
        message = (
            f"this key exports what tenant {call.tenant} did, not what {named} did; use a key of every tenant"
        )
        raise RpcError(StatusCode.PERMISSION_DENIED, "OTHER_TENANT", message)
    return None if tenant == EVERY_TENANT else tenant


def _invalid(field: str, description: str) -> RpcError:
    return invalid_argument([RequestViolation(f"selection.{field}", description)])

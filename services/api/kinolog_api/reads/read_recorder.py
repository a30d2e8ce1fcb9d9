"""Notes the reads of callers, and stores them in batches. No call waits for it, and none fails with it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from kinolog.counts import counted
from kinolog.ids import new_id
from kinolog.job.values import Sealed
from kinolog.ports.alarms import Alarms
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import EventStore, LogUnavailable
from kinolog.ports.keys import KeyStore
from kinolog.privacy.origin_address import OriginAddress, seal_address
from kinolog.privacy.sealer import Sealer, new_key
from kinolog.process.logs import fields
from kinolog.process.probe import Metric
from kinolog.process.problem_alarm import ProblemAlarm
from kinolog.reads.address_keys import address_key, ended_address_keys
from kinolog.reads.read import LOST, OK, STARTED, Read, ReadBatch, ReadFacts, ReadKind
from kinolog.reads.read_log import ReadBatchLog
from kinolog_api.dependencies import ReadRules
from kinolog_api.reads.recorded_methods import ENDLESS, kind_of, requested_part
from kinolog_api.rpc.call_origin import origin_address
from kinolog_api.rpc.calls import Methods, RpcCall
from kinolog_api.rpc.errors import translate_error
from kinolog_api.rpc.tenants import TenantLookup

logger = logging.getLogger(__name__)

RETRY_SECONDS = 2.0
"""Pause before the record is kept again after an unexpected error."""
CLOSE_SECONDS = 3.0
"""How long the end of the api may wait until its last reads are stored."""
MAX_NOTED = 10_000
"""Reads that differ and wait to be stored. More are counted and not stored."""
MAX_BATCH_READS = 1_000
KEY_PASS = timedelta(days=1)
"""How often keys of addresses are deleted whose reads are too old to be kept."""


@dataclass(frozen=True, slots=True)
class _Noted:
    """What is equal in reads that are stored as one. `by_operator` may be about the job of another tenant."""

    tenant: str
    by_operator: bool
    facts: ReadFacts
    address: OriginAddress


@dataclass(slots=True)
class _Count:
    first_at: datetime
    last_at: datetime
    times: int = 0
    size_bytes: int = 0


class UnrecordedReadsAlarm(ProblemAlarm):
    """The alarm about reads that wait to be stored."""

    def text(self, problem: str) -> str:
        """Say what it means."""
        return "Reads are not recorded now. Everything else goes on; reads that do not fit into memory are counted"

    def details(self, problem: str) -> str:
        """Say what is wrong."""
        return problem


class ReadRecorder:
    """Notes reads in memory and stores them every few seconds."""

    def __init__(
        self,
        log: ReadBatchLog,
        store: EventStore,
        keys: KeyStore,
        alarms: Alarms,
        clock: Clock,
        rules: ReadRules,
    ) -> None:
        self._log = log
        self._tenants = TenantLookup(store)
        self._keys = keys
        self._clock = clock
        self._rules = rules
        self._alarm = UnrecordedReadsAlarm(alarms, "reads-unrecorded", clock)
        self._recorder = f"{alarms.source}-{new_id()[:6]}"
        self._noted: dict[_Noted, _Count] = {}
        self._waiting: deque[ReadBatch] = deque()
        self._lost: dict[str, int] = {}
        """Reads by tenant that were counted only, and are not yet stored as such."""
        self._number = 0
        self._sealer: Sealer | None = None
        self._keys_deleted_at: datetime | None = None
        self.recorded = 0
        self.lost = 0

    def metrics(self) -> list[Metric]:
        """Return the metrics of the probe."""
        return [
            Metric(
                name="kinolog_reads_recorded_total",
                value=self.recorded,
                help="Reads of callers that were stored.",
                kind="counter",
            ),
            Metric(
                name="kinolog_reads_lost_total",
                value=self.lost,
                help="Reads of callers that were counted and not stored.",
                kind="counter",
            ),
        ]

    def recording(self, service: ServiceDescriptor, methods: Methods) -> Methods:
        """Return the methods of a service so that they note the reads that are to be stored."""
        recorded: dict[str, Any] = dict(methods)
        for name, function in methods.items():
            method = service.methods_by_name[name]
            kind = kind_of(method)
            if kind is None or (kind is ReadKind.OTHER and not self._rules.everything):
                continue
            note = partial(self._note, kind, name)
            if not method.server_streaming:
                recorded[name] = _recorded_call(function, note)
            elif name in ENDLESS:
                recorded[name] = _recorded_start(function, note)
            else:
                recorded[name] = _recorded_stream(function, note)
        return recorded

    def _note(
        self, kind: ReadKind, method: str, request: Any, call: RpcCall, outcome: str, size_bytes: int
    ) -> None:
        """Note a read that has ended. A call of nobody is none."""
        if not call.tenant:
            return
        part = requested_part(request)
        facts = ReadFacts(
            actor=call.actor,
            api_key_id=call.key_id,
            client=call.origin.get("program", ""),
            kind=kind,
            method=method,
            route=call.origin.get("route", ""),
            job_id=part.job_id,
            resource=part.resource,
            offset=part.offset,
            limit=part.limit,
            outcome=outcome,
        )
        tenant = part.tenant if part.tenant and call.every_tenant else call.tenant
        noted = _Noted(tenant, call.is_operator, facts, origin_address(call.origin))
        count = self._noted.get(noted)
        if count is None:
            if len(self._noted) >= MAX_NOTED:
                self._lost[tenant] = self._lost.get(tenant, 0) + 1
                self.lost += 1
                return
            now = self._clock()
            count = self._noted[noted] = _Count(now, now)
        else:
            count.last_at = self._clock()
        count.times += 1
        count.size_bytes += size_bytes

    async def run(self) -> None:
        """Store what was noted, again and again until cancelled."""
        while True:
            await asyncio.sleep(self._rules.flush_seconds)
            try:
                await self.flush()
                await self._delete_old_keys()
            except LogUnavailable as error:
                await self._alarm.update(f"the stream of reads cannot be written: {error}")
            else:
                await self._alarm.update("")

    async def flush(self) -> None:
        """Store what was noted. What cannot be stored waits. Raises `LogUnavailable`."""
        if self._waiting or self._noted or self._lost:
            await self._check_space()
        if not self._waiting and (self._noted or self._lost):
            await self._take_batches()
        while self._waiting:
            await self._log.append(self._waiting[0])
            stored = self._waiting.popleft()
            self.recorded += sum(read.times for read in stored.reads if read.facts.outcome != LOST)

    async def _check_space(self) -> None:
        """Check that the stream may grow. Raises `LogUnavailable`: reads wait, and those beyond a limit are counted."""
        size = await self._log.size_bytes()
        if size >= self._rules.stream_bytes:
            raise LogUnavailable(
                f"it has {counted(size, 'byte')}, and KINOLOG_READS_STREAM_BYTES allows {self._rules.stream_bytes}: "
                "the projector has not archived and deleted them; see that it runs"
            )

    async def close(self) -> None:
        """Store the last reads. What cannot be stored soon is a line of the log."""
        with suppress(LogUnavailable, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.flush()
                await self.flush()  # the first one may have stored batches that waited alone
        left = len(self._noted) + sum(len(batch.reads) for batch in self._waiting)
        if left:
            logger.error("reads were not recorded before the end", extra=fields("reads_lost", reads=left))

    async def _take_batches(self) -> None:
        """Make batches of what was noted: of one tenant each. Raises `LogUnavailable`, and then all stays noted."""
        sealer = await self._current_sealer()
        tenants = {noted: await self._tenant_of(noted) for noted in list(self._noted)}
        # From here on nothing waits, so that no read is noted between what is taken and what stays.
        by_tenant: dict[str, list[Read]] = {}
        sealed: dict[OriginAddress, Sealed] = {}
        for noted, tenant in tenants.items():
            count = self._noted.pop(noted)
            if sealer is not None and noted.address.address and noted.address not in sealed:
                sealed[noted.address] = seal_address(noted.address, sealer)
            by_tenant.setdefault(tenant, []).append(
                Read(
                    facts=noted.facts,
                    first_at=count.first_at,
                    last_at=count.last_at,
                    times=count.times,
                    size_bytes=count.size_bytes,
                    sealed_address=sealed.get(noted.address),
                )
            )
        for tenant, lost in self._lost.items():
            by_tenant.setdefault(tenant, []).append(_lost_reads(lost, self._clock()))
        self._lost.clear()
        for tenant, reads in by_tenant.items():
            left = iter(reads)
            while some := tuple(islice(left, MAX_BATCH_READS)):
                self._number += 1
                self._waiting.append(
                    ReadBatch(
                        tenant=tenant,
                        recorder=self._recorder,
                        number=self._number,
                        reads=some,
                        at=self._clock(),
                        address_key=sealer.job_id if sealer is not None else "",
                    )
                )

    async def _tenant_of(self, noted: _Noted) -> str:
        """Return whose record has a read: of an operator that of the job."""
        if not noted.by_operator or not noted.facts.job_id:
            return noted.tenant
        return await self._tenants.tenant_of(noted.facts.job_id) or noted.tenant

    async def _current_sealer(self) -> Sealer | None:
        """Return what seals addresses now; None if the key of the month is deleted, as by a clock that was fast."""
        name = address_key(self._clock())
        if self._sealer is None or self._sealer.job_id != name:
            key = (await self._keys.create({name: new_key()})).get(name)
            self._sealer = Sealer(name, key) if key is not None else None
        return self._sealer

    async def _delete_old_keys(self) -> None:
        """Delete keys of addresses whose reads are all too old to be kept. Raises `LogUnavailable`."""
        now = self._clock()
        if self._keys_deleted_at is not None and now - self._keys_deleted_at < KEY_PASS:
            return
        self._keys_deleted_at = now
        try:
            for key_id in await self._keys.get_many(ended_address_keys(now, self._rules.days)):
                await self._keys.erase(key_id)
        except LogUnavailable:
            self._keys_deleted_at = None
            raise


def _lost_reads(number: int, at: datetime) -> Read:
    facts = ReadFacts(actor="", kind=ReadKind.OTHER, method="", outcome=LOST)
    return Read(facts=facts, first_at=at, last_at=at, times=number)


def _recorded_call(function: Any, note: Any) -> Any:
    async def read(request: Any, call: RpcCall) -> Any:
        try:
            response = await function(request, call)
        except BaseException as error:
            note(request, call, _outcome(error), 0)
            raise
        note(request, call, OK, response.ByteSize())
        return response

    return read


def _recorded_start(function: Any, note: Any) -> Any:
    def read(request: Any, call: RpcCall) -> Any:
        note(request, call, STARTED, 0)
        return function(request, call)

    return read


def _recorded_stream(function: Any, note: Any) -> Any:
    async def read(request: Any, call: RpcCall) -> AsyncGenerator[Any, None]:
        sent, outcome = 0, OK
        try:
            async with aclosing(function(request, call)) as messages:
                async for message in messages:
                    yield message
                    sent += _sent_bytes(message)
        except BaseException as error:
            outcome = _outcome(error)
            raise
        finally:
            note(request, call, outcome, sent)

    return read


def _sent_bytes(message: Any) -> int:
    """Return the bytes of a file in a message; of another message its own."""
    if isinstance(message, bytes):
        return len(message)
    data = getattr(message, "data", None)
    return len(data) if isinstance(data, bytes) else int(message.ByteSize())


def _outcome(error: BaseException) -> str:
    """Return the word for how a read ended. A caller that leaves before the end cancels it."""
    if not isinstance(error, Exception):
        return "cancelled"
    translated = translate_error(error)
    return translated.code.name.lower() if translated is not None else "internal"

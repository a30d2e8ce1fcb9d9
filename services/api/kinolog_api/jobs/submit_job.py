"""SubmitJob jobs, one or many: each under a key that is stored already, so one durable write is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from secrets import randbelow

from kinolog.codec.public_job import UnsealedFields, public_job
from kinolog.command_handler import CommandHandler
from kinolog.ids import job_id as job_id_of
from kinolog.ids import new_id
from kinolog.job.commit import Commit
from kinolog.job.state import Job
from kinolog.models.catalogue import Catalogue
from kinolog.ports.event_store import Appended, Conflict, EventStore, LogUnavailable
from kinolog.ports.keys import KeyStore
from kinolog.privacy.sealed_fields import unseal_job
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.jobs.job_plan import SEEDS, plan_job
from kinolog_api.jobs.key_pool import KeyPool, UnusedKey
from kinolog_api.jobs.sealed_submit import PlannedSubmit, planned_submit, sealed_submit
from kinolog_api.rpc.calls import Call, answered
from kinolog_api.rpc.errors import RpcError, invalid, request_id_spent
from kinolog_api.rpc.validation import RequestRules

CHUNK = 500
"""Jobs of a batch that are stored together while the next ones are being sealed."""

BREATH = 25
"""Jobs sealed before other calls get their turn."""


@dataclass(frozen=True, slots=True)
class AcceptedJob:
    """A job that lies in the log. `created` is False when it lay there before."""

    job: Job
    opened: UnsealedFields
    position: int
    created: bool


@dataclass(slots=True)
class _Chunk:
    """Jobs of a batch on their way into the log; `places` are their places in the answer."""

    places: list[int] = field(default_factory=list)
    items: list[PlannedSubmit] = field(default_factory=list)


class SubmitJob:
    """SubmitJob and BatchSubmitJobs."""

    def __init__(
        self,
        store: EventStore,
        keys: KeyStore,
        pool: KeyPool,
        handler: CommandHandler,
        catalogue: Catalogue,
        rules: RequestRules,
    ) -> None:
        self._store = store
        self._keys = keys
        self._pool = pool
        self._handler = handler
        self._catalogue = catalogue
        self._rules = rules

    async def submit(self, request: pb.SubmitJobRequest, call: Call) -> pb.SubmitJobResponse:
        """SubmitJob."""
        item = self._admit(request, call)
        (key,) = await self._pool.take()
        accepted = await self._store_one(item, key, call)
        return pb.SubmitJobResponse(
            job=public_job(accepted.job, accepted.position, accepted.opened),
            position=accepted.position,
            created=accepted.created,
        )

    async def submit_batch(
        self, request: pb.BatchSubmitJobsRequest, call: Call
    ) -> pb.BatchSubmitJobsResponse:
        """BatchSubmitJobs: what is wrong with one job does not keep the others back."""
        results: list[pb.BatchSubmitResult] = [pb.BatchSubmitResult() for _ in request.requests]
        chunk = _Chunk()
        async with asyncio.TaskGroup() as group:
            for place, single in enumerate(request.requests):
                try:
                    chunk.items.append(self._checked(single, call))
                    chunk.places.append(place)
                except RpcError as error:
                    results[place].error.CopyFrom(error.status())
                if len(chunk.items) == CHUNK:
                    group.create_task(self._store_chunk(chunk, results, call))
                    chunk = _Chunk()
                if place % BREATH == BREATH - 1:
                    await asyncio.sleep(0)
            if chunk.items:
                group.create_task(self._store_chunk(chunk, results, call))
        position = max(result.position for result in results)
        return pb.BatchSubmitJobsResponse(results=results, position=position)

    def _checked(self, request: pb.SubmitJobRequest, call: Call) -> PlannedSubmit:
        """One job of a batch, its fields checked here because the contract leaves them out of the batch's rules."""
        violations = self._rules.violations(request)
        if violations:
            raise invalid(violations)
        return self._admit(request, call)

    def _admit(self, request: pb.SubmitJobRequest, call: Call) -> PlannedSubmit:
        plan = plan_job(request, self._catalogue, _draw_seed)
        request_id = request.request_id or new_id()
        return planned_submit(request, plan, request_id, job_id_of(call.tenant, request_id))

    async def _store_chunk(self, chunk: _Chunk, results: Sequence[pb.BatchSubmitResult], call: Call) -> None:
        """Store jobs of a batch together and write down what became of each."""
        try:
            outcomes = await self._store_many(chunk.items, call)
        except Exception as error:
            outcomes = [error] * len(chunk.items)
        for place, outcome in zip(chunk.places, outcomes, strict=True):
            result = results[place]
            if isinstance(outcome, Exception):
                result.error.CopyFrom(answered(outcome, "BatchSubmitJobs").status())
            else:
                result.job_id = outcome.job.id
                result.position = outcome.position
                result.created = outcome.created

    async def _store_many(self, items: Sequence[PlannedSubmit], call: Call) -> list[AcceptedJob | Exception]:
        keys = await self._pool.take(len(items))
        commits: list[tuple[Commit, UnsealedFields]] = []
        for item, key in zip(items, keys, strict=True):
            commits.append(self._first_commit(item, key, call))
            if len(commits) % BREATH == 0:
                await asyncio.sleep(0)
        outcomes = await self._store.append_first([commit for commit, _ in commits])
        answers: dict[int, AcceptedJob | Exception] = {}
        for place, ((commit, opened), outcome) in enumerate(zip(commits, outcomes, strict=True)):
            if isinstance(outcome, Appended):
                answers[place] = AcceptedJob(commit.state, opened, outcome.position, True)
        others = [place for place in range(len(items)) if place not in answers]
        found = (self._found(items[place], keys[place], call) for place in others)
        for place, answer in zip(others, await asyncio.gather(*found, return_exceptions=True), strict=True):
            if isinstance(answer, BaseException) and not isinstance(answer, Exception):
                raise answer
            answers[place] = answer
        return [answers[place] for place in range(len(items))]

    async def _store_one(self, item: PlannedSubmit, key: UnusedKey, call: Call) -> AcceptedJob:
        commit, opened = self._first_commit(item, key, call)
        try:
            appended = await self._store.append(commit)
        except Conflict:
            return await self._found(item, key, call)
        return AcceptedJob(commit.state, opened, appended.position, True)

    def _first_commit(self, item: PlannedSubmit, key: UnusedKey, call: Call) -> tuple[Commit, UnsealedFields]:
        command, opened = sealed_submit(item, key, call)
        commit = self._handler.decide_from(item.job_id, None, command)
        if commit is None:
            raise AssertionError("a submitted job led to no events")
        return commit, opened

    async def _found(self, item: PlannedSubmit, unused: UnusedKey, call: Call) -> AcceptedJob:
        """The job that an earlier request with this id made, when that request had the same body."""
        loaded = await self._store.load(item.job_id)
        if loaded is None:
            raise LogUnavailable(f"job {item.job_id} lies in the log but cannot be read yet")
        key_id = loaded.job.sealing_key_id
        if key_id != unused.id:
            self._pool.give_back([unused])
        secret = None if loaded.job.erased else await self._keys.get(key_id)
        if secret is None:
            raise request_id_spent(item.request_id, item.job_id)
        command, _ = sealed_submit(item, UnusedKey(key_id, secret), call)
        self._handler.decide_from(item.job_id, loaded, command)  # refuses another body
        return AcceptedJob(loaded.job, unseal_job(loaded.job, secret), loaded.position, False)


def _draw_seed() -> int:
    return randbelow(SEEDS)

"""Submit jobs, one or many. Each is sealed under a key that is already stored, so a submit waits for one write."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from secrets import randbelow

from kinolog.codec.public_job import UnsealedFields, public_job
from kinolog.command_handler import CommandHandler
from kinolog.ids import job_id as derive_job_id
from kinolog.ids import new_request_id
from kinolog.job.commit import Commit
from kinolog.job.state import Job
from kinolog.models.catalogue import Catalogue
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import AppendConflict, Appended, EventStore, LogUnavailable
from kinolog.ports.keys import KeyMissing, KeyStore
from kinolog.privacy.sealed_fields import unseal_job
from kinolog.privacy.sealer import Sealer
from kinolog.storyboard.planner import Shots
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.alarms.write_guard import WriteGuard
from kinolog_api.choices.batched_job import check_batched
from kinolog_api.inputs.job_inputs import NO_INPUTS, CopiedInputs, JobInputs
from kinolog_api.jobs.family_limits import scene_violations
from kinolog_api.jobs.job_plan import SEED_LIMIT, JobPlan, plan_job
from kinolog_api.jobs.key_pool import KeyPool, UnusedKey
from kinolog_api.jobs.sealed_submit import PlannedSubmit, planned_submit, prompts_of, sealed_submit
from kinolog_api.jobs.worker_limits import NewJobChecks
from kinolog_api.limits.job_limits import JobLimits
from kinolog_api.limits.queue_limits import QueueLimits
from kinolog_api.prompts.written_scenes import OVER_LIMIT, WriteScenes, wants_writer
from kinolog_api.rpc.calls import RpcCall, error_response
from kinolog_api.rpc.errors import RpcError, invalid_argument, request_id_of_erased_job
from kinolog_api.rpc.validation import RequestRules
from kinolog_api.webhooks.job_webhooks import JobWebhooks

CHUNK_SIZE = 500
"""Jobs of a batch that are stored together while the next ones are sealed."""

JOBS_PER_TURN = 25
"""Jobs sealed before the event loop runs other calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedJob:
    """A job in the log. `created` is False if an earlier request stored it."""

    job: Job
    unsealed: UnsealedFields
    position: int
    created: bool

    @property
    def public(self) -> job_pb2.Job:
        """The message of the job for clients."""
        return public_job(self.job, self.position, self.unsealed)


@dataclass(slots=True)
class _Chunk:
    """Jobs of a batch that are stored together; `indexes` are their indexes in the response."""

    indexes: list[int] = field(default_factory=list)
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
        write_guard: WriteGuard,
        checks: NewJobChecks,
        inputs: JobInputs,
        clock: Clock,
        scene_writer: WriteScenes,
        limits: JobLimits,
        queue_limits: QueueLimits,
        webhooks: JobWebhooks,
    ) -> None:
        self._limits, self._queue_limits = limits, queue_limits
        self._webhooks = webhooks
        self._scene_writer = scene_writer
        self._inputs = inputs
        self._checks = checks
        self._clock = clock
        self._store = store
        self._keys = keys
        self._pool = pool
        self._handler = handler
        self._catalogue = catalogue
        self._rules = rules
        self._write_guard = write_guard

    async def submit(self, request: pb.SubmitJobRequest, call: RpcCall) -> pb.SubmitJobResponse:
        """Submit a single job."""
        accepted = await self.store_one(await self.prepared(request, call), call)
        return pb.SubmitJobResponse(job=accepted.public, position=accepted.position, created=accepted.created)

    async def prepared(self, request: pb.SubmitJobRequest, call: RpcCall) -> PlannedSubmit:
        """Return a job that may be submitted now, with the scenes of a language model if the request wants them."""
        plan = plan_job(request, self._catalogue, _draw_seed)
        await self._write_guard.check_new_job()
        await self._webhooks.admit(request, call.tenant)
        if wants_writer(request) and await self._is_stored(request, call):
            return self._unwritten(request, plan, call)
        item = await self._written(request, plan, call)
        await self._checks.check(item)
        return item

    async def submit_planned(self, item: PlannedSubmit, call: RpcCall) -> AcceptedJob:
        """Store a job that is planned already, unless its tenant or kinolog cannot take it now."""
        await self._write_guard.check_new_job()
        prompts = {"scenes": [scene.prompt for scene in item.scenes]}
        self._limits.check(call.tenant, item.plan, item.plan.priority, prompts)
        await self._checks.check(item)
        return await self.store_one(item, call)

    async def _is_stored(self, request: pb.SubmitJobRequest, call: RpcCall) -> bool:
        """Return whether an earlier request with this id made a job."""
        if not request.request_id:
            return False
        return await self._store.load(derive_job_id(call.tenant, request.request_id)) is not None

    def _unwritten(self, request: pb.SubmitJobRequest, plan: JobPlan, call: RpcCall) -> PlannedSubmit:
        """Return the job of a repeated request: the language model is asked once for each job, which has its scenes."""
        request_id = request.request_id
        job_id = derive_job_id(call.tenant, request_id)
        return planned_submit(request, replace(plan, shots=Shots.ONE), request_id=request_id, job_id=job_id)

    async def _written(self, request: pb.SubmitJobRequest, plan: JobPlan, call: RpcCall) -> PlannedSubmit:
        """Return the job to submit, with the scenes of a language model if the request wants them."""
        if not wants_writer(request):
            return self._planned(request, plan, call)
        written = await self._scene_writer.written(request, plan.wished_video)
        try:
            return self._planned(request, plan.with_scenes(written), call)
        except RpcError:
            if not written.scenes:
                raise
            return self._planned(request, plan.with_scenes(OVER_LIMIT), call)

    async def submit_batch(
        self, request: pb.BatchSubmitJobsRequest, call: RpcCall
    ) -> pb.BatchSubmitJobsResponse:
        """BatchSubmitJobs. An error in one job does not affect the others."""
        await self._write_guard.check_new_job()
        await self._webhooks.ensure_secrets(request, call.tenant)
        results: list[pb.BatchSubmitResult] = [pb.BatchSubmitResult() for _ in request.requests]
        chunk = _Chunk()
        async with asyncio.TaskGroup() as group:
            for index, single in enumerate(request.requests):
                try:
                    check_batched(single)
                    item = self.validated(single, call)
                    if item.inputs:
                        group.create_task(self._store_with_inputs(item, results[index], call))
                        continue
                    chunk.items.append(item)
                    chunk.indexes.append(index)
                except Exception as error:  # whatever is wrong with one job, the others are stored
                    results[index].error.CopyFrom(error_response(error, "BatchSubmitJobs").status())
                if len(chunk.items) == CHUNK_SIZE:
                    group.create_task(self._store_chunk(chunk, results, call))
                    chunk = _Chunk()
                if index % JOBS_PER_TURN == JOBS_PER_TURN - 1:
                    await asyncio.sleep(0)
            if chunk.items:
                group.create_task(self._store_chunk(chunk, results, call))
        position = max(result.position for result in results)
        return pb.BatchSubmitJobsResponse(results=results, position=position)

    def validated(self, request: pb.SubmitJobRequest, call: RpcCall) -> PlannedSubmit:
        """Validate and plan a job within another message, whose rules in the proto file leave it out."""
        wrong = self._rules.violations(request) or self._webhooks.violations(request, call.tenant)
        if wrong:
            raise invalid_argument(wrong)
        return self._planned(request, plan_job(request, self._catalogue, _draw_seed), call)

    def _planned(self, request: pb.SubmitJobRequest, plan: JobPlan, call: RpcCall) -> PlannedSubmit:
        request_id = request.request_id or new_request_id(self._clock())
        job_id = derive_job_id(call.tenant, request_id)
        item = planned_submit(request, plan, request_id=request_id, job_id=job_id)
        self._limits.check(call.tenant, plan, plan.priority, prompts_of(request))
        model = self._catalogue.get(plan.model)
        if model is not None and (violations := scene_violations(request, item.scenes, model)):
            raise invalid_argument(violations, "MODEL_LIMITS")
        return item

    async def _store_chunk(
        self, chunk: _Chunk, results: Sequence[pb.BatchSubmitResult], call: RpcCall
    ) -> None:
        """Store jobs of a batch together and fill in their results."""
        outcomes: Sequence[AcceptedJob | Exception]
        try:
            outcomes = await self._store_many(chunk.items, call)
        except Exception as error:
            outcomes = [error] * len(chunk.items)
        for index, outcome in zip(chunk.indexes, outcomes, strict=True):
            result = results[index]
            if isinstance(outcome, Exception):
                result.error.CopyFrom(error_response(outcome, "BatchSubmitJobs").status())
            else:
                _fill(result, outcome)

    async def _store_with_inputs(
        self, item: PlannedSubmit, result: pb.BatchSubmitResult, call: RpcCall
    ) -> None:
        """Store one job of a batch, with copies of its uploads, and fill in its result.

        Copies of earlier ones may have filled a disk.
        """
        try:
            await self._write_guard.check_new_job()
            await self._checks.check(item)
            accepted = await self.store_one(item, call)
        except Exception as error:
            result.error.CopyFrom(error_response(error, "BatchSubmitJobs").status())
        else:
            _fill(result, accepted)

    async def _store_many(
        self, items: Sequence[PlannedSubmit], call: RpcCall
    ) -> list[AcceptedJob | Exception]:
        """Store the jobs that are not refused. Return an accepted job or an error for each, in order."""
        refused = await self._checks.refused(items)
        waiting = [item for item in items if item.job_id not in refused]
        with await self._queue_limits.places(call.tenant, waiting) as places:
            refused |= places.refused
            others = [item for item in waiting if item.job_id not in refused]
            outcomes = await self._store_new(others, call) if others else []
            for outcome in outcomes:
                if isinstance(outcome, AcceptedJob):
                    places.keep(outcome.job.id, outcome.position)
        if not refused:
            return outcomes
        stored = iter(outcomes)
        return [refused[item.job_id] if item.job_id in refused else next(stored) for item in items]

    async def _store_new(
        self, items: Sequence[PlannedSubmit], call: RpcCall
    ) -> list[AcceptedJob | Exception]:
        """Store many jobs in group commits. Return an accepted job or an error for each, in order."""
        keys = await self._pool.take(len(items))
        commits: list[tuple[Commit, UnsealedFields]] = []
        for item, key in zip(items, keys, strict=True):
            commits.append(self._first_commit(item, key, call))
            if len(commits) % JOBS_PER_TURN == 0:
                await asyncio.sleep(0)
        outcomes = await self._store.append_first([commit for commit, _ in commits])
        accepted: dict[int, AcceptedJob | Exception] = {}
        for index, ((commit, unsealed), outcome) in enumerate(zip(commits, outcomes, strict=True)):
            if isinstance(outcome, Appended):
                accepted[index] = _created(commit, unsealed, outcome)
        conflicting = [index for index in range(len(items)) if index not in accepted]
        existing = await asyncio.gather(
            *(self._existing_job(items[index], keys[index], call) for index in conflicting),
            return_exceptions=True,
        )
        for index, found in zip(conflicting, existing, strict=True):
            if isinstance(found, BaseException) and not isinstance(found, Exception):
                raise found
            accepted[index] = found
        return [accepted[index] for index in range(len(items))]

    async def store_one(self, item: PlannedSubmit, call: RpcCall) -> AcceptedJob:
        """Store one job that has a place in the queue. Raises `RpcError` if it gets none."""
        with await self._queue_limits.places(call.tenant, [item]) as places:
            if error := places.refused.get(item.job_id):
                raise error
            accepted = await self.stored(item, call)
            places.keep(accepted.job.id, accepted.position)
        return accepted

    async def stored(self, item: PlannedSubmit, call: RpcCall) -> AcceptedJob:
        """Store one job that has a place. A repeated request copies no upload again, which may have expired since."""
        (key,) = await self._pool.take()
        if item.inputs and await self._store.load(item.job_id) is not None:
            return await self._existing_job(item, key, call)
        try:
            copied = await self._inputs.copied(item.inputs, call.tenant, Sealer(item.job_id, key.secret))
        except RpcError:
            self._pool.give_back([key])
            raise
        commit, unsealed = self._first_commit(item, key, call, copied)
        try:
            appended = await self._store.append(commit)
        except AppendConflict:
            await self._inputs.drop(copied)
            return await self._existing_job(item, key, call)
        await self._inputs.keep(copied)
        return _created(commit, unsealed, appended)

    def _first_commit(
        self, item: PlannedSubmit, key: UnusedKey, call: RpcCall, copied: CopiedInputs = NO_INPUTS
    ) -> tuple[Commit, UnsealedFields]:
        command, unsealed = sealed_submit(item, key, call, copied)
        commit = self._handler.decide_from(item.job_id, None, command)
        if commit is None:
            raise AssertionError("a submit produced no events")
        return commit, unsealed

    async def _existing_job(self, item: PlannedSubmit, unused: UnusedKey, call: RpcCall) -> AcceptedJob:
        """Return the job that an earlier request with this id created.

        Raises `Refused` if that request had another body, ALREADY_EXISTS if the job is erased, `KeyMissing`.
        """
        loaded = await self._store.load(item.job_id)
        if loaded is None:
            raise LogUnavailable(f"job {item.job_id} is in the log but cannot be read yet")
        key_id = loaded.job.sealing_key_id
        if key_id != unused.id:
            self._pool.give_back([unused])
        secret = None if loaded.job.erased else await self._keys.get(key_id)
        if secret is None:
            current = await self._store.load(item.job_id)
            if current is not None and not current.job.erased:
                raise KeyMissing(item.job_id, key_id)
            raise request_id_of_erased_job(item.request_id, item.job_id)
        command, _ = sealed_submit(item, UnusedKey(key_id, secret), call)
        self._handler.decide_from(item.job_id, loaded, command)  # refuses another body
        return AcceptedJob(
            job=loaded.job,
            unsealed=unseal_job(loaded.job, secret),
            position=loaded.position,
            created=False,
        )


def _created(commit: Commit, unsealed: UnsealedFields, appended: Appended) -> AcceptedJob:
    return AcceptedJob(job=commit.state, unsealed=unsealed, position=appended.position, created=True)


def _fill(result: pb.BatchSubmitResult, accepted: AcceptedJob) -> None:
    result.job_id, result.position, result.created = accepted.job.id, accepted.position, accepted.created


def _draw_seed() -> int:
    return randbelow(SEED_LIMIT)
